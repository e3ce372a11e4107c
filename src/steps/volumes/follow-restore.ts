import { VELERO_API, VELERO_NAMESPACE } from '../../backup/location.ts';
import type { StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import type { KubeCluster, LiveSet } from '../../ports/kube-cluster.ts';
import { withLimit } from '../wait.ts';
import { Rate } from './rate.ts';
import { isTerminal, RESTORE_NAME_LABEL, RESTORE_TYPE, restorePhase } from './velero-restore.ts';

/**
 * Velero takes a Restore up within seconds of its creation, unless another one is under way; its pod may be starting anew meanwhile. A Restore that nobody
 * has looked at for this long is looked at by nobody.
 */
const TAKE_UP_LIMIT_MS = 5 * 60_000;

/** What copies bytes for a Restore, and counts them (`status.progress`, Velero 1.18 pkg/apis/velero). */
const MOVERS: readonly ResourceType[] = [
  { apiVersion: VELERO_API, kind: 'PodVolumeRestore' },
  { apiVersion: 'velero.io/v2alpha1', kind: 'DataDownload' },
];

type Ctx = Pick<StepContext<unknown, unknown>, 'clock' | 'signal' | 'progress'>;

/** Waits until Velero has ended the Restore. Throws `STEP_FAILED` when somebody removes it, or when Velero does not take it up. */
export async function followRestore(cluster: KubeCluster, name: string, ctx: Ctx): Promise<KubeObject> {
  await using live = await cluster.live(RESTORE_TYPE, { namespace: VELERO_NAMESPACE });
  const find = finder(name);
  await withLimit(ctx, TAKE_UP_LIMIT_MS, {
    work: async (signal) =>
      await live.until((objects) => {
        const restore = find(objects);
        return restore !== undefined && (isTakenUp(restore) || isBusy(objects)) ? true : undefined;
      }, signal),
    late: () => notTakenUp(name),
  });
  const ended = new AbortController();
  const bytes = reportBytes(cluster, name, { ...ctx, signal: AbortSignal.any([ctx.signal, ended.signal]) });
  try {
    return await untilEnded(live, find, ctx);
  } finally {
    ended.abort();
    await bytes;
  }
}

async function untilEnded(live: LiveSet, find: ReturnType<typeof finder>, ctx: Ctx): Promise<KubeObject> {
  const rate = new Rate(() => ctx.clock.monotonic());
  return await live.until((objects) => {
    const restore = find(objects);
    if (restore === undefined) return undefined;
    const { itemsRestored: done = 0, totalItems: total = 0 } = (restore.status?.['progress'] ?? {}) as { itemsRestored?: number; totalItems?: number };
    ctx.progress({ message: `Velero restore ${restore.metadata.name}: ${restorePhase(restore)}${rate.left(done, total)}`, done, total });
    return isTerminal(restore) ? restore : undefined;
  }, ctx.signal);
}

/** Reports bytes as long as the Restore goes on; items say nothing of a volume of a terabyte. What cannot be read is not reported. */
async function reportBytes(cluster: KubeCluster, name: string, ctx: Ctx): Promise<void> {
  const rate = new Rate(() => ctx.clock.monotonic());
  await Promise.allSettled(
    MOVERS.map(async (type) => {
      if ((await cluster.resource(type, ctx.signal)) === undefined) return;
      await using live = await cluster.live(type, { namespace: VELERO_NAMESPACE, labelSelector: `${RESTORE_NAME_LABEL}=${name}` });
      await live.until((objects) => {
        const { done, total } = bytesOf([...objects.values()]);
        if (total > 0) ctx.progress({ message: `Velero restore ${name}: copying${rate.left(done, total)}`, done, total, unit: 'bytes' });
        return undefined;
      }, ctx.signal);
    }),
  );
}

/** Bytes that movers have copied and have to copy, as far as they know. */
export function bytesOf(movers: readonly KubeObject[]): { readonly done: number; readonly total: number } {
  const progress = movers.map(({ status }) => (status?.['progress'] ?? {}) as { readonly bytesDone?: number; readonly totalBytes?: number });
  return { done: progress.reduce((sum, { bytesDone = 0 }) => sum + bytesDone, 0), total: progress.reduce((sum, { totalBytes = 0 }) => sum + totalBytes, 0) };
}

/** Finds the Restore; `undefined` before it shows, and an error once it has shown and is gone. */
function finder(name: string): (objects: ReadonlyMap<string, KubeObject>) => KubeObject | undefined {
  let seen = false;
  return (objects) => {
    const restore = [...objects.values()].find((object) => object.metadata.name === name);
    if (restore === undefined && seen) throw gone(name);
    seen = restore !== undefined;
    return restore;
  };
}

function isTakenUp(restore: KubeObject): boolean {
  return restorePhase(restore) !== 'New';
}

/** Velero restores one after the other: ours waits while another is under way. */
function isBusy(objects: ReadonlyMap<string, KubeObject>): boolean {
  return [...objects.values()].some((restore) => isTakenUp(restore) && !isTerminal(restore));
}

function gone(name: string): DrError {
  return new DrError({
    code: 'STEP_FAILED',
    message: `Velero restore '${name}' was removed while it was waited for`,
    suggestions: ['find out who removes Restores in namespace velero, then resume: a new one is made'],
  });
}

function notTakenUp(name: string): DrError {
  return new DrError({
    code: 'STEP_FAILED',
    message: `Velero has not taken up restore '${name}' within ${TAKE_UP_LIMIT_MS / 60_000} min: it is still New`,
    suggestions: [
      `kubectl -n ${VELERO_NAMESPACE} get deploy/velero: it must be available`,
      `kubectl -n ${VELERO_NAMESPACE} logs deploy/velero: it says why it does not look at Restores`,
      'then resume: the Restore that is there is waited for',
    ],
  });
}
