import { isObject } from '../model/json.ts';
import type { KubeMetadata, KubeObject } from '../model/kube-object.ts';

/** An object that may be sent to another cluster, and the paths of what was taken out. */
export interface Cleaned {
  readonly object: KubeObject;
  readonly dropped: readonly string[];
}

/** Metadata only a server writes, or that names objects of the old cluster by uid. */
const SERVER_METADATA: ReadonlySet<string> = new Set([
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
  'ownerReferences',
  'finalizers',
  'selfLink',
]);

/** kubectl's own note of what it applied last. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * Takes out what must not travel to another cluster: status (a restored `Ready` makes controllers do nothing), uids, owners, finalizers, managed fields and
 * annotations that are an operator's own state. Empty leftovers (`creationTimestamp: null`) are not listed.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-core/src/lib.rs`, strip_export_metadata
 */
export function cleanForRestore(object: KubeObject, operatorAnnotations: ReadonlySet<string>): Cleaned {
  const dropped: string[] = [];
  const note = (path: string, value: unknown): void => {
    if (!isEmpty(value)) dropped.push(path);
  };
  const { status, metadata, ...rest } = object;
  note('status', status);
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(metadata)) {
    if (SERVER_METADATA.has(key)) note(`metadata.${key}`, value);
    else kept[key] = key === 'annotations' && isObject(value) ? cleanAnnotations(value, operatorAnnotations, note) : value;
  }
  return { object: { ...rest, metadata: withoutEmptyAnnotations(kept) }, dropped };
}

function cleanAnnotations(
  annotations: object,
  operatorAnnotations: ReadonlySet<string>,
  note: (path: string, value: unknown) => void,
): Record<string, unknown> {
  const kept = Object.entries(annotations).filter(([key, value]) => {
    if (key === LAST_APPLIED) return false;
    if (operatorAnnotations.has(key)) note(`metadata.annotations[${JSON.stringify(key)}]`, value);
    return !operatorAnnotations.has(key);
  });
  return Object.fromEntries(kept);
}

function withoutEmptyAnnotations(metadata: Record<string, unknown>): KubeMetadata {
  const { annotations, ...rest } = metadata;
  const empty = annotations === undefined || annotations === null || (isObject(annotations) && Object.keys(annotations).length === 0);
  return (empty ? rest : { ...rest, annotations }) as KubeMetadata;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}
