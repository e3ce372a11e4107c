import type { JsonObject, JsonValue } from '../model/json.ts';
import { groupOf, type ObjectRef, type ResourceType } from '../model/kube-object.ts';

/**
 * Which objects a Velero backup would hold if they existed, by its own spec: namespaces and resources, included and excluded. Label selectors hold for some
 * objects only, so a backup with one says nothing of what is missing.
 *
 * @see velero v1.18 `pkg/util/collections/includes_excludes.go` and `pkg/apis/velero/v1/backup_types.go`, BackupSpec
 */
export function backupCovers(spec: JsonObject): (ref: ObjectRef) => boolean {
  const hasSelector = spec['labelSelector'] !== undefined && spec['labelSelector'] !== null;
  const selectors = spec['orLabelSelectors'];
  if (hasSelector || (Array.isArray(selectors) && selectors.length > 0)) return () => false;
  const namespaces = { include: texts(spec['includedNamespaces']), exclude: texts(spec['excludedNamespaces']) };
  const resources = {
    include: [...texts(spec['includedResources']), ...texts(spec['includedNamespaceScopedResources']), ...texts(spec['includedClusterScopedResources'])],
    exclude: [...texts(spec['excludedResources']), ...texts(spec['excludedNamespaceScopedResources']), ...texts(spec['excludedClusterScopedResources'])],
  };
  const isWhole = namespaces.include.length === 0 || namespaces.include.includes('*');
  const clusterScoped = spec['includeClusterResources'] === true || (spec['includeClusterResources'] !== false && isWhole);
  return (ref) => {
    if (!isIn(resources, (pattern) => isResource(pattern, ref))) return false;
    return ref.namespace === undefined ? clusterScoped : isIn(namespaces, (pattern) => pattern === '*' || pattern === ref.namespace);
  };
}

interface Patterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

function isIn({ include, exclude }: Patterns, matches: (pattern: string) => boolean): boolean {
  return (include.length === 0 || include.some(matches)) && !exclude.some(matches);
}

function isResource(pattern: string, type: ResourceType): boolean {
  const resource = resourceOf(type);
  return pattern === '*' || pattern === resource || pattern === resource.split('.')[0];
}

/** Resource of a kind as Velero names it: `latticeservices.lattice.dev`, `pods`; plurals as English makes them. */
export function resourceOf({ apiVersion, kind }: ResourceType): string {
  const singular = kind.toLowerCase();
  const plural = /(s|x|ch|sh)$/.test(singular) ? `${singular}es` : /[^aeiou]y$/.test(singular) ? `${singular.slice(0, -1)}ies` : `${singular}s`;
  const group = groupOf(apiVersion);
  return group === '' ? plural : `${plural}.${group}`;
}

function texts(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}
