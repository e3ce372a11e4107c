import { z } from 'zod';
import type { Observation, ReadContext, StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { placeOf } from '../../model/kube-object.ts';
import { planBackup } from '../../model/plan/backups.ts';
import { planVolumes } from '../../model/plan/volumes.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { judgedPoint } from '../backup/recovery-point-schema.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { targetSchema } from '../schemas.ts';
import { openTarget } from '../target.ts';
import { withLimit } from '../wait.ts';
import { CLAIM_TYPE, type ClaimState, claimStates } from './claims.ts';
import { CLEARING_EFFECTS } from './clear-away.ts';
import { mapStorageClasses, refuseMissingClasses, refuseMissingZones } from './fit.ts';
import { type BackupVolumes, refuseForeign, restoreFromBackup } from './from-backup.ts';
import { attachOldDisks } from './old-disks.ts';
import { isRetained, retainVolumes } from './retain.ts';
import { lossText, sourceText, volumeSource } from './source-schema.ts';

const withSchema = z.object({
  target: targetSchema,
  backups: z.array(planBackup),
  sources: z.array(volumeSource),
  /** What was judged of the backups: each must still be that when Velero is told to restore from it. */
  recoveryPoints: z.array(judgedPoint).default([]),
  volumes: planVolumes.optional(),
});
type W = z.output<typeof withSchema>;
type Ctx = ReadContext<W, StepPorts>;
type WriteCtx = StepContext<W, StepPorts>;

const volumeOutput = z.object({ claim: z.string(), volume: z.string(), path: z.string(), from: z.string(), minutesLost: z.number() });
const outputs = z.object({ volumes: z.array(volumeOutput) });
type Outputs = z.output<typeof outputs>;

/** Binding follows a restore within seconds; without a volume binder it never does and Velero says Completed all the same. */
const BIND_LIMIT_MS = 2 * 60_000;

async function statesOf(cluster: KubeCluster, ctx: Ctx): Promise<readonly ClaimState[]> {
  return await claimStates(cluster, ctx.with.sources, { run: ctx.run.id, signal: ctx.signal });
}

async function observeVolumes(ctx: Ctx): Promise<Observation<Outputs>> {
  const states = await statesOf(await openTarget(ctx), ctx);
  const restored = states.filter((state) => state.state === 'restored');
  const retained = restored.filter(({ volume }) => isRetained(volume));
  const evidence = { restored: restored.length, of: states.length, open: states.filter(({ state }) => state !== 'restored').map(({ claim }) => claim) };
  if (retained.length < states.length) return { state: restored.length === 0 ? 'absent' : 'partial', evidence: { ...evidence, retained: retained.length } };
  const sources = new Map(ctx.with.sources.map((source) => [source.claim, source]));
  const volumes = restored.map(({ claim, volume, path }) => ({
    claim,
    volume: volume.metadata.name,
    path,
    from: sources.get(claim)?.from ?? '',
    minutesLost: sources.get(claim)?.minutesLost ?? 0,
  }));
  return { state: 'present', outputs: { volumes }, evidence };
}

/** The volumes that come from backups, by backup. */
function backupsOf({ with: { sources } }: Ctx): readonly BackupVolumes[] {
  const fromBackups = sources.filter(({ from }) => from !== 'survivor');
  const groups = Map.groupBy(fromBackups, ({ store, backup }) => `${store ?? ''} ${backup ?? ''}`);
  return [...groups.values()].map((group) => ({ store: group[0]?.store ?? '', backup: group[0]?.backup ?? '', sources: group }));
}

async function waitUntilBound(cluster: KubeCluster, ctx: WriteCtx): Promise<void> {
  await using live = await cluster.live(CLAIM_TYPE);
  const wanted = new Set(ctx.with.sources.map(({ claim }) => claim));
  await withLimit(ctx, BIND_LIMIT_MS, {
    work: (signal) =>
      live.until((objects) => {
        const bound = [...objects.values()].filter((pvc) => wanted.has(placeOf(pvc)) && pvc.status?.['phase'] === 'Bound').length;
        ctx.progress({ message: 'waiting for claims to be bound', done: bound, total: wanted.size, unit: 'volumes' });
        return bound === wanted.size ? true : undefined;
      }, signal),
    late: async () => {
      const open = (await statesOf(cluster, ctx)).filter(({ state }) => state !== 'restored');
      return new DrError({
        code: 'VOLUME_NOT_RESTORED',
        message: `claims are not bound to restored volumes ${BIND_LIMIT_MS / 60_000} min after the restore: ${open.map(({ claim, state }) => `${claim} (${state})`).join(', ')}`,
        details: { claims: open.map(({ claim }) => claim) },
      });
    },
  });
}

async function restoreVolumes(ctx: WriteCtx): Promise<void> {
  const cluster = await openTarget(ctx);
  const states = await statesOf(cluster, ctx);
  refuseForeign(states);
  await refuseMissingZones(cluster, ctx.with.sources, ctx.signal);
  await refuseMissingClasses(cluster, ctx.with.sources, { plan: ctx.with.volumes, signal: ctx.signal });
  await mapStorageClasses(cluster, ctx.with.volumes, ctx.signal);
  await attachOldDisks(cluster, { sources: ctx.with.sources, states, plan: ctx.with.volumes }, ctx);
  for (const volumes of backupsOf(ctx)) await restoreFromBackup(cluster, volumes, ctx);
  await waitUntilBound(cluster, ctx);
  await retainVolumes(cluster, await statesOf(cluster, ctx), ctx);
}

/**
 * Brings volumes back before anything else could create their claims empty: old disks by static volumes, the rest from backups by Velero. Success is read from
 * each claim and the volume behind it, never from a Restore's phase.
 */
export const volumesRestore = defineStep({
  kind: 'volumes/restore',
  version: 2,
  summary: 'brings volumes back from the chosen sources, before the specs that would create them empty',
  verifies: 'reads behind each claim: bound, to its old disk or to a volume that carries the label of the restore, with its path, and Retain',
  byHand: [
    '`kubectl get pvc -A`: none of the claims may exist yet',
    'for each old disk: `kubectl apply -f volume.yaml`: its old PersistentVolume with claimRef (without uid) and Retain, then its claim with volumeName',
    '`velero restore create NAME --from-backup BACKUP --include-resources persistentvolumeclaims,persistentvolumes --restore-volumes=true --wait`',
    '`kubectl get pv -l velero.io/restore-name=NAME`: one Bound volume per claim; Completed alone proves nothing',
    '`kubectl patch pv VOLUME -p \'{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}\'`: or whoever deletes a service deletes the restored bytes',
  ],
  with: withSchema,
  outputs,
  risk: 'destructive',
  safety: true,
  timeoutMs: 4 * 60 * 60_000,
  retry: { attempts: 5, firstDelayMs: 2_000, maxDelayMs: 30_000 },
  effects: CLEARING_EFFECTS,
  observe: observeVolumes,
  async plan(ctx) {
    return ctx.with.sources.map((source) => ({
      verb: 'create' as const,
      subject: `volume ${source.claim} from ${sourceText(source)}`,
      note: lossText(source),
    }));
  },
  execute: restoreVolumes,
  async verify(ctx) {
    const states = await statesOf(await openTarget(ctx), ctx);
    refuseForeign(states);
    const seen = await observeVolumes(ctx);
    if (seen.state === 'present') return { ok: true, outputs: seen.outputs, evidence: seen.evidence };
    return { ok: false, reason: 'a claim is not bound to a restored volume that outlives it', evidence: seen.evidence };
  },
});
