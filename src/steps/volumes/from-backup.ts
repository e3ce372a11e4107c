import type { z } from 'zod';
import { type RestoreResults, type ShortClaim, triageRestore } from '../../backup/restore-results.ts';
import type { StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { judgedPoint } from '../backup/recovery-point-schema.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { assertUnchanged } from '../recovery/contents.ts';
import { restoreResults } from '../recovery-points.ts';
import { type ClaimState, claimStates } from './claims.ts';
import { clearAway } from './clear-away.ts';
import { restoreFiles } from './files.ts';
import { followRestore } from './follow-restore.ts';
import type { VolumeSource } from './source-schema.ts';
import { isTerminal, restoreName, restorePhase, restoresOf, volumeRestore } from './velero-restore.ts';

type JudgedPoint = z.output<typeof judgedPoint>;
type Ctx = Omit<StepContext<unknown, StepPorts>, 'with'> & {
  readonly with: { readonly backups: readonly PlanBackup[]; readonly recoveryPoints: readonly JudgedPoint[] };
};

/** Volumes of one backup. */
export interface BackupVolumes {
  readonly store: string;
  readonly backup: string;
  readonly sources: readonly VolumeSource[];
}

/** Claims that something else made before their data came back: what they hold is not this tool's to judge. */
export function refuseForeign(states: readonly ClaimState[]): void {
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

/**
 * Brings the volumes of one backup back by Velero, and judges by what is behind each claim, never by the Restore's phase. A try that failed (a Velero restart
 * fails it: server.go, markInProgressRestoresFailed) is followed by a new one for what it did not bring, once what it left is away.
 */
export async function restoreFromBackup(cluster: KubeCluster, volumes: BackupVolumes, ctx: Ctx): Promise<void> {
  const look = async (): Promise<readonly ClaimState[]> => await claimStates(cluster, volumes.sources, { run: ctx.run.id, signal: ctx.signal });
  const before = await look();
  refuseForeign(before);
  if (before.every(({ state }) => state === 'restored')) return;
  const restore = await followRestore(cluster, await ensureRestore(cluster, volumes, { ctx, states: before }), ctx);
  const phase = restorePhase(restore);
  ctx.evidence.append({ restore: restore.metadata.name, phase, backup: volumes.backup });
  const states = await look();
  // A completed one brings its claims or never will; what is on its way gets its time to bind.
  if (phase !== 'Completed') await judgeUnfinished(restore, volumes, { ctx, states });
  await restoreFiles(cluster, { sources: volumes.sources, states }, ctx);
}

/**
 * The Restore to wait for: the one under way, or the completed one whose claims are all there and only not bound yet; a new one when there is none or the last
 * one failed.
 */
async function ensureRestore(
  cluster: KubeCluster,
  { store, backup }: BackupVolumes,
  { ctx, states }: { readonly ctx: Ctx; readonly states: readonly ClaimState[] },
): Promise<string> {
  const made = new Map([...(await restoresOf(cluster, { run: ctx.run.id, signal: ctx.signal }))].filter(([, { spec }]) => spec?.['backupName'] === backup));
  const nameOf = (attempt: number): string => restoreName(ctx.run.id, backup, attempt);
  let attempts = 0;
  while (made.has(nameOf(attempts + 1))) attempts += 1;
  const latest = made.get(nameOf(attempts));
  if (latest !== undefined && !isTerminal(latest)) return latest.metadata.name;
  const isBinding = states.every(({ state }) => state === 'restored' || state === 'pending');
  if (latest !== undefined && isBinding) return latest.metadata.name;
  await assertStillJudged(store, backup, ctx);
  await clearAway(cluster, states, { tries: [...made.keys()].sort(), ctx });
  const name = nameOf(attempts + 1);
  const claims = states.filter(({ state }) => state !== 'restored').map(({ claim }) => claim);
  await cluster.create(volumeRestore({ run: ctx.run.id, backup, name, claims }), { fieldManager: FIELD_MANAGER, signal: ctx.signal });
  return name;
}

/** Whoever can write the bucket could since it was judged; Velero restores what it finds under the name. */
async function assertStillJudged(store: string, backup: string, ctx: Ctx): Promise<void> {
  const section = ctx.with.backups.find((one) => one.store === store);
  const point = ctx.with.recoveryPoints.find((one) => one.store === store && one.name === backup);
  if (section !== undefined && point !== undefined) await assertUnchanged(ctx.ports, section, { point, signal: ctx.signal });
}

interface Judged {
  readonly ctx: Ctx;
  readonly states: readonly ClaimState[];
}

/** What a Restore that did not complete has come to: nothing to worry about, or claims that are short, by name. */
async function judgeUnfinished(restore: KubeObject, volumes: BackupVolumes, { ctx, states }: Judged): Promise<void> {
  const { name } = restore.metadata;
  const section = ctx.with.backups.find(({ store }) => store === volumes.store);
  // Asked before anything is said: a bucket that is away is why Velero failed, and its own error says so.
  const results = section === undefined ? { errors: [], warnings: [] } : await restoreResults(ctx.ports, section, { restore: name, signal: ctx.signal });
  const triage = triageRestore({ ...results, errors: [...reasonsIn(restore), ...results.errors] }, states.flatMap(shortOf));
  if (triage.short.length > 0) throw restorePhase(restore) === 'FailedValidation' ? refused(restore) : shortError(restore, triage);
  ctx.evidence.append({ restore: name, phase: restorePhase(restore), allRestored: true, irrelevant: [...triage.irrelevant] });
}

function reasonsIn({ status }: KubeObject): RestoreResults['errors'] {
  const reason = status?.['failureReason'];
  return typeof reason === 'string' && reason !== '' ? [reason] : [];
}

function shortOf(state: ClaimState): readonly ShortClaim[] {
  if (state.state === 'absent') return [{ claim: state.claim, reason: 'it was not made' }];
  if (state.state !== 'incomplete' && state.state !== 'foreign') return [];
  const volume = state.state === 'incomplete' ? state.object.spec?.['volumeName'] : undefined;
  return [{ claim: state.claim, reason: state.reason, ...(typeof volume === 'string' ? { volume } : {}) }];
}

/** Names what is short, in Velero's own words as far as it left any. Tried again: what failed may have been the way to the bucket. */
function shortError(restore: KubeObject, { short, unassigned }: ReturnType<typeof triageRestore>): DrError {
  const { name } = restore.metadata;
  const claims = short.map(({ claim, reason, said }) => `${claim} (${[reason, ...said].join('; ')})`);
  return new DrError({
    code: 'VOLUME_NOT_RESTORED',
    message: `Velero restore '${name}' ended ${restorePhase(restore)} and is short of ${claims.join(', ')}${unassigned.length === 0 ? '' : `: ${unassigned.slice(0, 10).join('; ')}`}`,
    details: { claims: short.map(({ claim }) => claim), restore: name },
    retry: 'retryable',
    suggestions: [`its log is in the bucket: restores/${name}/restore-${name}-logs.gz`, 'resume restores these claims again and leaves the others alone'],
  });
}

/**
 * Velero validates a location every so often and refuses Restores while the last answer was bad (1.18.3 restore_controller.go, `The BSL … is unavailable`; seen
 * after 503s): a bucket that is back is believed again within that time, so it is tried again.
 */
function refused(restore: KubeObject): DrError {
  const faults = ((restore.status?.['validationErrors'] ?? []) as readonly string[]).join('; ') || 'without a reason';
  const message = `Velero refused restore '${restore.metadata.name}': ${faults}`;
  if (!/\bBSL\b.*\bis unavailable\b/.test(faults)) return new DrError({ code: 'STEP_FAILED', message });
  return new DrError({
    code: 'BACKUP_LOCATION_UNAVAILABLE',
    message,
    retry: 'retryable',
    suggestions: ['look at the way from the cluster to the bucket: `kubectl -n velero get backupstoragelocations`; then resume'],
  });
}
