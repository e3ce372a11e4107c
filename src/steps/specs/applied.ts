import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import { refKey, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { ToApply } from '../../specs/classify.ts';
import { typesOf } from '../../specs/manifest.ts';
import { FIELD_MANAGER } from '../platform-names.ts';

/** Every value of `wanted` is in `live` at its place. Lists must be equal in length: server-side apply replaces most of them as a whole. */
export function contains(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(live) && live.length === wanted.length && wanted.every((item, index) => contains(live[index], item));
  if (wanted !== null && typeof wanted === 'object') {
    if (live === null || typeof live !== 'object') return false;
    return Object.entries(wanted).every(([key, value]) => value === undefined || contains((live as Record<string, unknown>)[key], value));
  }
  return live === wanted;
}

/** Our field manager has applied this object, and what it set still stands. Fields that the server or others added do not matter. */
export function isApplied(live: KubeObject | undefined, wanted: KubeObject): boolean {
  if (live === undefined || live.metadata.deletionTimestamp !== undefined) return false;
  const managers = (live.metadata.managedFields ?? []) as readonly { manager?: string; operation?: string }[];
  return managers.some((entry) => entry.manager === FIELD_MANAGER && entry.operation === 'Apply') && contains(live, wanted);
}

async function listType(cluster: KubeCluster, type: ResourceType, signal: AbortSignal): Promise<readonly KubeObject[]> {
  return (await cluster.list(type, { signal })) ?? [];
}

/** Keys of the objects that are on the cluster as wanted: one list per type, however many objects there are. */
export async function appliedKeys(cluster: KubeCluster, items: readonly ToApply[], signal: AbortSignal): Promise<ReadonlySet<string>> {
  const lists = await Promise.all(typesOf(items.map(({ object }) => object)).map((type) => listType(cluster, type, signal)));
  const live = new Map(lists.flat().map((object) => [refKey(refOf(object)), object]));
  return new Set(items.filter(({ key, object }) => isApplied(live.get(key), object)).map(({ key }) => key));
}
