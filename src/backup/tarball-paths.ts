/** An object in a tarball, by its path. */
export interface TarballItem {
  readonly path: string;
  /** `deployments.apps`, `pods`. */
  readonly resource: string;
  /** Absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly name: string;
}

/** Where Velero writes an object that a restore reads (Velero 1.18 pkg/archive/filesystem.go, pkg/backup/item_backupper.go). Copies by API version lie beside it. */
const OBJECT_PATH = /^resources\/([^/]+)\/(?:cluster|namespaces\/([^/]+))\/([^/]+)\.json$/;
const VERSION_PATH = 'metadata/version';
const VOLUME_RESOURCES = new Set(['persistentvolumes', 'persistentvolumeclaims']);

/** The object whose JSON is at a path; `undefined` for anything else. */
export function itemOf(path: string): TarballItem | undefined {
  const [, resource, namespace, name] = OBJECT_PATH.exec(path) ?? [];
  if (resource === undefined || name === undefined) return undefined;
  return { path, resource, ...(namespace === undefined ? {} : { namespace }), name };
}

/** Whether a path is that of the layout's version. */
export function isVersionPath(path: string): boolean {
  return path === VERSION_PATH;
}

/** Whether objects of a resource are needed whole: what a target must offer is written in them. */
export function isVolumeResource(resource: string): boolean {
  return VOLUME_RESOURCES.has(resource);
}

/** How an object is named where kinds and not resources are known: `Kind.group namespace/name`. */
export function itemName(kind: string, { namespace, name }: Pick<TarballItem, 'namespace' | 'name'>): string {
  return `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}

/** Kind and group of an `apiVersion` and `kind`, without the version: `Deployment.apps`, `Pod`. */
export function kindName(apiVersion: string, kind: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? kind : `${kind}.${apiVersion.slice(0, slash)}`;
}
