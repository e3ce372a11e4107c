import { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { formatDuration } from '../../model/duration.ts';
import { duration } from '../../model/plan/fields.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { type Candidate, judgeCandidate, newestFirst } from './candidates.ts';
import { keptJson, readKept } from './kept.ts';
import { planeWith } from './plane.ts';
import { type SnapshotSource, savedSnapshots, snapshotSource } from './source-schema.ts';

const withSchema = planeWith.extend({
  saved: savedSnapshots.shape.saved,
  /** A snapshot on this machine, taken before the disaster. */
  snapshot: z.string().optional(),
  binaries: z.string().optional(),
  /** uid of the cluster's `kube-system`, when it is known. */
  clusterUid: z.string().optional(),
  objectives: planObjectives,
  /** Snapshots that a person takes although nothing outside of them vouches for them, by path. */
  acceptUnanchored: z.array(z.string()).default([]),
  /** As much may be lost, whatever the objective says. */
  acceptDataLoss: duration.optional(),
});
type Ctx = StepContext<z.output<typeof withSchema>, StepPorts>;
const FILE = 'source.json';

/** A survivor has what was written up to the end; a backup is taken where it is newer, or where no survivor could be saved. */
async function choose(ctx: Ctx): Promise<SnapshotSource> {
  const { saved, snapshot } = ctx.with;
  const candidates: Candidate[] = saved.map((one) => ({ kind: 'survivor', ...one }));
  if (snapshot !== undefined) candidates.push({ kind: 'backup', path: snapshot });
  if (candidates.length === 0) {
    throw new DrError({
      code: 'SNAPSHOT_NOT_PROVEN',
      message: 'no member could be saved, and no snapshot was named: there is nothing to restore from',
      suggestions: ['name one: --snapshot FILE', 'without any, rebuild the cluster from git and backups: lattice-dr rebuild'],
    });
  }
  const judged = await Promise.all(candidates.map(async (candidate) => await judgeCandidate(candidate, ctx)));
  const [best] = newestFirst(judged.filter(({ refusals }) => refusals.length === 0));
  if (best === undefined) throw noneUsable(judged);
  refuseLoss(best.source, ctx);
  const aside = judged
    .filter((one) => one !== best)
    .map(({ source, refusals }) => `${source.path}: ${refusals.length > 0 ? refusals.join('; ') : `revision ${source.revision}, which is older`}`);
  return { ...best.source, passedOver: aside };
}

function noneUsable(judged: readonly { readonly source: SnapshotSource; readonly refusals: readonly string[] }[]): DrError {
  return new DrError({
    code: 'SNAPSHOT_NOT_PROVEN',
    message: `no snapshot may be restored: ${judged.map(({ source, refusals }) => `${source.path}: ${refusals.join('; ')}`).join(' | ')}`,
    details: { refused: judged.map(({ source, refusals }) => ({ path: source.path, reasons: [...refusals] })) },
    suggestions: ['name another one: --snapshot FILE', 'one that only lacks its manifest may be accepted by its path: --accept-unanchored FILE'],
  });
}

/** What is lost with a survivor nobody can know, and nothing better is to be had. */
function refuseLoss({ kind, takenAt, path }: SnapshotSource, { with: { objectives, acceptDataLoss }, clock }: Ctx): void {
  if (kind === 'survivor') return;
  const lost = takenAt === undefined ? Number.POSITIVE_INFINITY : clock.now() - Date.parse(takenAt);
  if (lost <= Math.max(objectives.rpo, acceptDataLoss ?? 0)) return;
  const age = Number.isFinite(lost) ? `of ${formatDuration(lost)}` : 'of a time nobody can tell';
  throw new DrError({
    code: 'DATA_LOSS_NOT_ACCEPTED',
    message: `with ${path} the writes ${age} are lost, and the objective (RPO) is ${formatDuration(objectives.rpo)}`,
    suggestions: ['look for a newer snapshot, and for a member that still has data', 'say how much may be lost: --accept-data-loss DURATION'],
  });
}

/** Chooses what is restored, and refuses what is not proven, before anything is fenced. Frozen for the run. */
export const etcdChoose = defineStep({
  kind: 'etcd/choose',
  version: 1,
  summary: 'chooses the newest snapshot that is proven: of a survivor, or a backup',
  verifies: 'every level of the chosen snapshot is proven, and it is within what may be lost',
  byHand: ['`lattice-dr etcd snapshot verify FILE` for each candidate: it boots it; take the one with the highest revision that is proven'],
  with: withSchema,
  outputs: snapshotSource,
  risk: 'read-only',
  safety: true,
  timeoutMs: 60 * 60_000,
  retry: NO_RETRY,
  effects: [],
  async observe(ctx) {
    const kept = await readKept(ctx, FILE, snapshotSource);
    return kept === undefined ? { state: 'absent', evidence: {} } : { state: 'present', outputs: kept, evidence: {} };
  },
  plan: async ({ with: { saved, snapshot } }) => [
    ...saved.map(({ node, revision }) => ({ verb: 'run' as const, subject: `judge the snapshot of ${node}`, note: `revision ${revision}` })),
    ...(snapshot === undefined ? [] : [{ verb: 'run' as const, subject: `judge ${snapshot}` }]),
  ],
  async execute(ctx) {
    await ctx.keep(FILE, keptJson(await choose(ctx)));
  },
  async verify(ctx) {
    const kept = await readKept(ctx, FILE, snapshotSource);
    if (kept === undefined) return { ok: false, reason: 'no choice is kept with the run', evidence: {} };
    return { ok: true, outputs: kept, evidence: { chosen: `${kept.path}, revision ${kept.revision}`, levels: kept.levels, passedOver: kept.passedOver } };
  },
});
