import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import { refKey, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { ToApply } from '../../specs/classify.ts';
import { diffObjects } from '../../specs/diff.ts';
import { typesOf } from '../../specs/manifest.ts';
import { FIELD_MANAGER } from '../platform-names.ts';

/**
 * Our field manager has applied this object, and what it set still stands. Fields that others added, and another spelling of an amount,
 * do not matter.
 */
function isApplied(live: KubeObject | undefined, wanted: KubeObject): boolean {
  if (live === undefined || live.metadata.deletionTimestamp !== undefined) return false;
  const managers = (live.metadata.managedFields ?? []) as readonly { manager?: string; operation?: string }[];
  return managers.some((entry) => entry.manager === FIELD_MANAGER && entry.operation === 'Apply') && diffObjects(live, wanted).length === 0;
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
