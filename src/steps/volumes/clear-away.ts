import type { StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { type KubeObject, placeOf, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { carrierRef } from './carrier.ts';
import { type ClaimState, VOLUME_TYPE } from './claims.ts';
import { RESTORE_NAME_LABEL } from './velero-restore.ts';

type Ctx = Pick<StepContext<unknown, unknown>, 'effect' | 'signal'>;

/** Longest time for a server to take a deletion up. */
const REMOVE_LIMIT_MS = 60_000;

/** Destructive effects of this file, for the catalogue. */
export const CLEARING_EFFECTS = [
  { name: 'delete-leftover-volume', destroys: 'an unbound PersistentVolume object that a failed try of this run left; its bytes stay in the backup' },
  { name: 'delete-incomplete-claim', destroys: 'a claim, with its volume, that a failed try of this run made and did not fill; its bytes stay in the backup' },
  { name: 'delete-carrier-pod', destroys: 'a pod that this run has made to hold a claim while its files come back' },
] as const;

/**
 * Removes what failed tries of this run have left, so that the next one makes it anew: Velero leaves alone what is there, and a claim that is half filled would
 * stay so, with a Restore that says Completed. Volumes without a claim go too: Velero would wait for them for its terminating-resource timeout (10 min) and then
 * end PartiallyFailed (Velero 1.18.3, seen).
 */
export async function clearAway(
  cluster: KubeCluster,
  states: readonly ClaimState[],
  options: { readonly tries: readonly string[]; readonly ctx: Ctx },
): Promise<void> {
  const { tries, ctx } = options;
  const incomplete = states.flatMap((state) => (state.state === 'incomplete' ? [state.object] : []));
  await removeCarriers(cluster, incomplete.map(placeOf), ctx);
  await refuseUsed(cluster, incomplete, ctx.signal);
  for (const claim of incomplete) await removeWhole(cluster, { name: 'delete-incomplete-claim', object: claim }, ctx);
  for (const name of tries) await removeLeftovers(cluster, name, ctx);
}

/** A claim that a pod uses is not taken from under it, although it is this run's own: somebody works on it. */
async function refuseUsed(cluster: KubeCluster, claims: readonly KubeObject[], signal: AbortSignal): Promise<void> {
  const used: string[] = [];
  for (const namespace of new Set(claims.map(({ metadata }) => metadata.namespace ?? ''))) {
    const names = new Set(claims.filter(({ metadata }) => metadata.namespace === namespace).map(({ metadata }) => metadata.name));
    const pods = (await cluster.list({ apiVersion: 'v1', kind: 'Pod' }, { namespace, signal })) ?? [];
    const uses = pods.flatMap((pod) => claimsOfPod(pod).map((name) => ({ name, pod: pod.metadata.name })));
    used.push(...uses.filter(({ name }) => names.has(name)).map(({ name, pod }) => `${namespace}/${name} by pod ${pod}`));
  }
  if (used.length === 0) return;
  throw new DrError({
    code: 'VOLUME_NOT_RESTORED',
    message: `claims whose data did not come are in use: ${used.join(', ')}`,
    suggestions: ['find out who started these pods before the data was there, remove them, then resume: the claims are made anew'],
  });
}

/** Claims that a pod has not let go. */
function claimsOfPod({ spec, status }: KubeObject): readonly string[] {
  if (status?.['phase'] === 'Succeeded' || status?.['phase'] === 'Failed') return [];
  const volumes = (spec?.['volumes'] ?? []) as readonly { readonly persistentVolumeClaim?: { readonly claimName?: string } }[];
  return volumes.flatMap(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName ?? []);
}

/** Removes the pods that hold claims for this run, whether they have ended or not, and waits for all of them at once. */
export async function removeCarriers(cluster: KubeCluster, claims: readonly string[], ctx: Ctx): Promise<void> {
  const found = await Promise.all(claims.map(async (claim) => await cluster.get(carrierRef(claim), ctx.signal)));
  const pods = found.filter((pod) => pod !== undefined);
  for (const pod of pods) await remove(cluster, { name: 'delete-carrier-pod', object: pod, key: keyOf(pod) }, ctx);
  const groups = [...Map.groupBy(pods, ({ metadata }) => metadata.namespace).values()];
  await Promise.all(groups.map(async (group) => await untilGone(cluster, group, ctx.signal)));
}

/** Deletes an object by its uid and waits until it is gone: what is being removed is still in the way of the next try. */
export async function removeWhole(cluster: KubeCluster, { name, object }: { readonly name: string; readonly object: KubeObject }, ctx: Ctx): Promise<void> {
  await remove(cluster, { name, object, key: keyOf(object) }, ctx);
  await untilGone(cluster, [object], ctx.signal);
}

function keyOf(object: KubeObject): string {
  return `${placeOf(object)}/${object.metadata.uid ?? ''}`;
}

/** Waits until objects of one type and namespace are gone. */
async function untilGone(cluster: KubeCluster, objects: readonly KubeObject[], signal: AbortSignal): Promise<void> {
  const [first] = objects;
  if (first === undefined) return;
  const { apiVersion, kind, metadata } = first;
  const uids = new Set(objects.map((object) => object.metadata.uid));
  await using live = await cluster.live({ apiVersion, kind }, metadata.namespace === undefined ? {} : { namespace: metadata.namespace });
  await live.until((left) => ([...left.values()].some((object) => uids.has(object.metadata.uid)) ? undefined : true), signal);
}

/** Removes volumes that a try of this run left without a claim. */
async function removeLeftovers(cluster: KubeCluster, failed: string, ctx: Ctx): Promise<void> {
  const volumes = (await cluster.list(VOLUME_TYPE, { labelSelector: `${RESTORE_NAME_LABEL}=${failed}`, signal: ctx.signal })) ?? [];
  for (const object of volumes.filter(({ status }) => status?.['phase'] !== 'Bound')) {
    await remove(cluster, { name: 'delete-leftover-volume', object, key: `${object.metadata.name}/${object.metadata.uid ?? ''}` }, ctx);
  }
}

async function remove(
  cluster: KubeCluster,
  { name, object, key }: { readonly name: string; readonly object: KubeObject; readonly key: string },
  { effect, signal }: Ctx,
): Promise<void> {
  const ref = refOf(object);
  const { uid = '' } = object.metadata;
  await effect({
    name,
    key,
    timeoutMs: REMOVE_LIMIT_MS,
    check: async () => (isGoing(await cluster.get(ref, signal), uid) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
    run: (limited) => cluster.delete(ref, { uid, signal: limited }),
  });
}

/** Deleted: an object stays to be seen until its finalizers are through (`kubernetes.io/pv-protection`). */
function isGoing(object: KubeObject | undefined, uid: string): boolean {
  return object?.metadata.uid !== uid || object.metadata.deletionTimestamp !== undefined;
}
