import { z } from 'zod';
import { VELERO_NAMESPACE } from '../../backup/location.ts';
import { type Observation, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { planBackup } from '../../model/plan/backups.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type ChosenRecoveryPoint, recoveryPointSchema } from '../backup/recovery-point-schema.ts';
import { defineStep } from '../define-step.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { restoreErrors } from '../recovery-points.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { withLimit } from '../wait.ts';
import { type ClaimState, claimStates, RESTORE_NAME_LABEL } from './claims.ts';
import { followRestore } from './follow-restore.ts';
import { isTerminal, RESTORE_TYPE, RUN_LABEL, restoreName, restorePhase, volumeRestore } from './velero-restore.ts';

const withSchema = z.object({ target: targetSchema, backups: z.array(planBackup), recoveryPoints: z.array(recoveryPointSchema) });
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

const volumeOutput = z.object({ claim: z.string(), volume: z.string(), path: z.string() });
const outputs = z.object({ volumes: z.array(volumeOutput), lost: z.array(z.object({ claim: z.string(), reason: z.string() })) });
type Outputs = z.output<typeof outputs>;

/** Binding follows a restore within seconds; without a volume binder it never does and Velero says Completed all the same. */
const BIND_LIMIT_MS = 2 * 60_000;

function claimsOf(ctx: Ctx): readonly string[] {
  return ctx.with.recoveryPoints.flatMap((point) => point.volumes);
}

async function statesOf(cluster: KubeCluster, points: readonly ChosenRecoveryPoint[], ctx: Ctx): Promise<readonly ClaimState[]> {
  return await claimStates(cluster, points, { run: ctx.run.id, signal: ctx.signal });
}

function refuseForeign(states: readonly ClaimState[]): void {
  const foreign = states.filter((state) => state.state === 'foreign');
  if (foreign.length === 0) return;
  throw new DrError({
    code: 'VOLUME_NOT_RESTORED',
    message: `${foreign.length} of ${states.length} claims exist already with other data: ${foreign.map((state) => `${state.claim} (${state.reason})`).join('; ')}`,
    details: { claims: foreign.map((state) => state.claim) },
    suggestions: [
      'something created these claims before their data came back: look at what they hold, remove claim and volume by hand if it is nothing, then resume',
    ],
  });
}

async function observeVolumes(ctx: Ctx): Promise<Observation<Outputs>> {
  const states = await statesOf(await openTarget(ctx), ctx.with.recoveryPoints, ctx);
  const restored = states.filter((state) => state.state === 'restored');
  const evidence = { restored: restored.length, of: states.length, open: states.filter((state) => state.state !== 'restored').map((state) => state.claim) };
  if (restored.length < states.length) return { state: restored.length === 0 ? 'absent' : 'partial', evidence };
  const lost = ctx.with.recoveryPoints.flatMap((point) => point.withoutData);
  return { state: 'present', outputs: { volumes: restored.map(({ claim, volume, path }) => ({ claim, volume, path })), lost }, evidence };
}

/** The newest Restore this run made for a backup, and how many tries there were. */
async function latestTry(
  cluster: KubeCluster,
  point: ChosenRecoveryPoint,
  ctx: Ctx,
): Promise<{ readonly restore: KubeObject | undefined; readonly attempts: number }> {
  const made = (await cluster.list(RESTORE_TYPE, { namespace: VELERO_NAMESPACE, labelSelector: `${RUN_LABEL}=${ctx.run.id}`, signal: ctx.signal })) ?? [];
  const ours = new Map(made.filter((restore) => restore.spec?.['backupName'] === point.name).map((restore) => [restore.metadata.name, restore]));
  let attempts = 0;
  while (ours.has(restoreName(ctx.run.id, point.name, attempts + 1))) attempts += 1;
  return { restore: ours.get(restoreName(ctx.run.id, point.name, attempts)), attempts };
}

/** Deleted: a volume stays to be seen until its finalizers are through (`kubernetes.io/pv-protection`). */
function isGoing(volume: KubeObject | undefined, uid: string): boolean {
  return volume?.metadata.uid !== uid || volume.metadata.deletionTimestamp !== undefined;
}

/**
 * Removes volumes that an earlier, failed try of this run left without a claim: Velero would wait for them for its terminating-resource timeout (10 min)
 * and then end PartiallyFailed (Velero 1.18.3, seen).
 */
async function removeLeftovers(cluster: KubeCluster, failed: string, ctx: WriteCtx): Promise<void> {
  const volumes =
    (await cluster.list({ apiVersion: 'v1', kind: 'PersistentVolume' }, { labelSelector: `${RESTORE_NAME_LABEL}=${failed}`, signal: ctx.signal })) ?? [];
  for (const volume of volumes.filter((candidate) => candidate.status?.['phase'] !== 'Bound')) {
    const ref = { apiVersion: 'v1', kind: 'PersistentVolume', name: volume.metadata.name };
    const uid = volume.metadata.uid ?? '';
    await ctx.effect({
      name: 'delete-leftover-volume',
      key: `${volume.metadata.name}/${uid}`,
      timeoutMs: 60_000,
      check: async () => (isGoing(await cluster.get(ref, ctx.signal), uid) ? { state: 'done', result: true } : { state: 'todo', evidence: {} }),
      run: (signal) => cluster.delete(ref, { uid, signal }),
    });
  }
}

/**
 * The Restore to wait for: the one under way, or the completed one whose claims are all there and only not bound yet; a new one when there is none or the last
 * one failed (a Velero restart fails it: server.go, markInProgressCRsFailed).
 */
async function ensureRestore(
  cluster: KubeCluster,
  point: ChosenRecoveryPoint,
  { ctx, states }: { readonly ctx: WriteCtx; readonly states: readonly ClaimState[] },
): Promise<string> {
  const { restore, attempts } = await latestTry(cluster, point, ctx);
  if (restore !== undefined && !isTerminal(restore)) return restore.metadata.name;
  const isBinding = states.every((state) => state.state !== 'absent');
  if (restore !== undefined && restorePhase(restore) === 'Completed' && isBinding) return restore.metadata.name;
  if (restore !== undefined) await removeLeftovers(cluster, restore.metadata.name, ctx);
  const name = restoreName(ctx.run.id, point.name, attempts + 1);
  await cluster.create(volumeRestore(ctx.run.id, point.name, name), { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  return name;
}

/** The error of a restore that did not complete, in Velero's own words as far as it left any. */
async function restoreFailed(restore: KubeObject, point: ChosenRecoveryPoint, ctx: Ctx): Promise<DrError> {
  const status = (restore.status ?? {}) as { failureReason?: string; validationErrors?: readonly string[]; errors?: number };
  const { name } = restore.metadata;
  const backup = ctx.with.backups.find((candidate) => candidate.store === point.store);
  const results = backup === undefined ? [] : await restoreErrors(ctx.ports, backup, { restore: name, signal: ctx.signal });
  const why = [status.failureReason, ...(status.validationErrors ?? []), ...results].filter((line) => line !== undefined && line !== '');
  return new DrError({
    code: 'STEP_FAILED',
    message: `Velero restore '${name}' ended ${restorePhase(restore)}: ${why.slice(0, 10).join('; ') || `${status.errors ?? 0} errors`}`,
    retry: restorePhase(restore) === 'Failed' ? 'retryable' : 'never',
    suggestions: [`its log is in the bucket: restores/${name}/restore-${name}-logs.gz`],
  });
}

async function waitUntilBound(cluster: KubeCluster, ctx: WriteCtx): Promise<void> {
  await using live = await cluster.live({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
  const wanted = new Set(claimsOf(ctx));
  await withLimit(ctx, BIND_LIMIT_MS, {
    work: (signal) =>
      live.until((objects) => {
        const bound = [...objects.values()].filter(
          (pvc) => wanted.has(`${pvc.metadata.namespace ?? ''}/${pvc.metadata.name}`) && pvc.status?.['phase'] === 'Bound',
        ).length;
        ctx.progress({ message: 'waiting for claims to be bound', done: bound, total: wanted.size, unit: 'volumes' });
        return bound === wanted.size ? true : undefined;
      }, signal),
    late: async () => {
      const open = (await statesOf(cluster, ctx.with.recoveryPoints, ctx)).filter((state) => state.state !== 'restored');
      return new DrError({
        code: 'VOLUME_NOT_RESTORED',
        message: `claims are not bound to restored volumes ${BIND_LIMIT_MS / 60_000} min after the restore: ${open.map((state) => `${state.claim} (${state.state})`).join(', ')}`,
      });
    },
  });
}

/**
 * Brings volumes back through Velero before anything else could create their claims empty. Success is read from each claim and the volume behind it,
 * never from the Restore's phase.
 */
export const volumesRestore = defineStep({
  kind: 'volumes/restore',
  version: 1,
  summary: 'restores volumes from the chosen recovery points, before the specs that would create them empty',
  verifies: 'reads behind each claim: bound, to a volume that carries the label of the restore, with its path',
  byHand: [
    '`kubectl get pvc -A`: none of the claims in the backup may exist yet',
    '`velero restore create NAME --from-backup BACKUP --include-resources persistentvolumeclaims,persistentvolumes --restore-volumes=true --wait`',
    '`kubectl get pv -l velero.io/restore-name=NAME`: one Bound volume per claim; Completed alone proves nothing',
  ],
  with: withSchema,
  outputs,
  risk: 'destructive',
  safety: true,
  timeoutMs: 4 * 60 * 60_000,
  retry: { attempts: 3, firstDelayMs: 2_000, maxDelayMs: 10_000 },
  effects: [
    { name: 'delete-leftover-volume', destroys: 'an unbound PersistentVolume object that a failed try of this run left; its bytes stay in the backup' },
  ],
  observe: observeVolumes,
  async plan(ctx) {
    return ctx.with.recoveryPoints.map((point) => ({
      verb: 'create' as const,
      subject: `Velero Restore of ${point.name}`,
      note: `${point.volumes.length} volumes as of ${point.completedAt}${point.withoutData.length === 0 ? '' : `; without data: ${point.withoutData.map(({ claim }) => claim).join(', ')}`}`,
    }));
  },
  async execute(ctx) {
    const cluster = await openTarget(ctx);
    for (const point of ctx.with.recoveryPoints) {
      const states = await statesOf(cluster, [point], ctx);
      refuseForeign(states);
      if (states.every((state) => state.state === 'restored')) continue;
      const restore = await followRestore(cluster, await ensureRestore(cluster, point, { ctx, states }), ctx);
      ctx.evidence.append({ restore: restore.metadata.name, phase: restorePhase(restore), backup: point.name });
      if (restorePhase(restore) !== 'Completed') throw await restoreFailed(restore, point, ctx);
    }
    await waitUntilBound(cluster, ctx);
  },
  async verify(ctx) {
    const states = await statesOf(await openTarget(ctx), ctx.with.recoveryPoints, ctx);
    refuseForeign(states);
    const seen = await observeVolumes(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'a claim is not bound to a restored volume', evidence: seen.evidence };
  },
});
