import { z } from 'zod';
import { NO_RETRY, type StepContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { formatDuration } from '../../model/duration.ts';
import { planEtcdSnapshots } from '../../model/plan/etcd-snapshots.ts';
import { duration } from '../../model/plan/fields.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';
import { type Candidate, type JudgedCandidate, judgeCandidate, newestFirst } from './candidates.ts';
import { keptJson, observeKept, readKept } from './kept.ts';
import { planeWith } from './plane.ts';
import { etcdVersionOf, programsFor } from './programs.ts';
import { type SnapshotSource, savedSnapshots, snapshotSource } from './source-schema.ts';
import { storedCandidates } from './stored-candidates.ts';
import { unseenData } from './unseen.ts';

const withSchema = planeWith.extend({
  saved: savedSnapshots.shape.saved,
  /** A snapshot on this machine, taken before the disaster; the places of the plan are not looked at then. */
  snapshot: z.string().optional(),
  /** Places that hold snapshots. */
  places: z.array(planEtcdSnapshots).default([]),
  /** Folder of this machine that snapshots are downloaded to. */
  folder: z.string().optional(),
  /** What lives is to be replaced, so what was saved of it is no candidate. */
  discardLiveState: z.boolean().default(false),
  binaries: z.string().optional(),
  /** uid of the cluster's `kube-system`, when it is known. */
  clusterUid: z.string().optional(),
  objectives: planObjectives,
  /** Snapshots that a person takes although nothing outside of them vouches for them, by path. */
  acceptUnanchored: z.array(z.string()).default([]),
  /** As much may be lost, whatever the objective says; `any` also for a snapshot of which nothing says when it was taken. */
  acceptDataLoss: z.union([z.literal('any'), duration]).optional(),
});
type Ctx = StepContext<z.output<typeof withSchema>, StepPorts>;
const FILE = 'source.json';

/** Snapshots of a place that are brought here and booted, the newest first, until one is proven. */
const STORED_AT_MOST = 5;

/** A survivor has what was written up to the end; a backup is taken where it is newer, or where no survivor could be saved. */
async function choose(ctx: Ctx): Promise<SnapshotSource> {
  await programsFor({ binaries: ctx.with.binaries, etcdVersion: etcdVersionOf(ctx.with.plane) }, ctx);
  const { saved, snapshot, discardLiveState } = ctx.with;
  const candidates: Candidate[] = discardLiveState ? [] : saved.map((one) => ({ kind: 'survivor', ...one }));
  if (snapshot !== undefined) candidates.push({ kind: 'backup', path: snapshot });
  const here = await Promise.all(candidates.map(async (candidate) => await judgeCandidate(candidate, ctx)));
  const stored = snapshot === undefined ? await judgeStored(newestFirst(usable(here))[0], ctx) : { judged: [], leftOut: [] };
  const judged = [...here, ...stored.judged];
  const [best] = newestFirst(usable(judged));
  if (best === undefined) throw judged.length === 0 ? nothingThere(stored.leftOut, ctx) : noneUsable(judged, stored.leftOut);
  refuseLoss(best.source, ctx);
  const aside = judged
    .filter((one) => one !== best)
    .map(({ source, refusals }) => `${source.path}: ${refusals.length > 0 ? refusals.join('; ') : `revision ${source.revision}, which is older`}`);
  const discarded = discardLiveState ? saved.map(({ path, node }) => `${path}: what ${node} held, which is discarded`) : [];
  const unseen = unseenData(ctx.with.plane).map((node) => `${node}: it has data and its etcd does not answer, so nobody knows how new that is`);
  return { ...best.source, passedOver: [...aside, ...discarded, ...unseen, ...stored.leftOut] };
}

function usable(judged: readonly JudgedCandidate[]): readonly JudgedCandidate[] {
  return judged.filter(({ refusals }) => refusals.length === 0);
}

/** Looks through the places of the plan, the newest snapshot first, and downloads none that has less than a survivor that may be restored. */
async function judgeStored(
  survivor: JudgedCandidate | undefined,
  ctx: Ctx,
): Promise<{ readonly judged: readonly JudgedCandidate[]; readonly leftOut: readonly string[] }> {
  const { found, leftOut } = await storedCandidates(ctx);
  const judged: JudgedCandidate[] = [];
  const passed: string[] = [];
  for (const candidate of found) {
    if (survivor !== undefined && BigInt(candidate.revision) <= BigInt(survivor.source.revision))
      passed.push(`${candidate.at}: revision ${candidate.revision}, which is older`);
    else if (judged.length === STORED_AT_MOST) passed.push(`${candidate.at}: not looked at, after ${STORED_AT_MOST} newer ones that may not be restored`);
    else if (usable(judged).length > 0) passed.push(`${candidate.at}: of ${candidate.takenAt}, which is older`);
    else judged.push(await judgeCandidate(await candidate.fetch(), ctx));
  }
  return { judged, leftOut: [...leftOut, ...passed] };
}

function nothingThere(leftOut: readonly string[], { with: { discardLiveState, places } }: Ctx): DrError {
  const members = discardLiveState ? 'what lives is to be discarded' : 'no member could be saved';
  const looked =
    leftOut.length > 0
      ? `in the places of the plan there is none: ${leftOut.join('; ')}`
      : places.length > 0
        ? 'the places of the plan are empty'
        : 'no snapshot was named';
  return new DrError({
    code: 'SNAPSHOT_NOT_PROVEN',
    message: `${members}, and ${looked}: there is nothing to restore from`,
    suggestions: ['name one: --snapshot FILE', 'without any, rebuild the cluster from git and backups: lattice-dr rebuild'],
  });
}

function noneUsable(judged: readonly JudgedCandidate[], leftOut: readonly string[]): DrError {
  return new DrError({
    code: 'SNAPSHOT_NOT_PROVEN',
    message: `no snapshot may be restored: ${[...judged.map(({ source, refusals }) => `${source.path}: ${refusals.join('; ')}`), ...leftOut].join(' | ')}`,
    details: { refused: judged.map(({ source, refusals }) => ({ path: source.path, reasons: [...refusals] })) },
    suggestions: ['name another one: --snapshot FILE', 'one that only lacks its manifest may be accepted by its path: --accept-unanchored FILE'],
  });
}

/** What is lost with a survivor nobody can know, and nothing better is to be had. */
function refuseLoss({ kind, takenAt, path }: SnapshotSource, { with: { objectives, acceptDataLoss }, clock }: Ctx): void {
  if (kind === 'survivor' || acceptDataLoss === 'any') return;
  const lost = takenAt === undefined ? undefined : clock.now() - Date.parse(takenAt);
  if (lost !== undefined && lost <= Math.max(objectives.rpo, acceptDataLoss ?? 0)) return;
  throw new DrError({
    code: 'DATA_LOSS_NOT_ACCEPTED',
    message: `with ${path} the writes of ${lost === undefined ? 'a time nobody can tell' : formatDuration(lost)} are lost, and the objective (RPO) is ${formatDuration(objectives.rpo)}`,
    suggestions: [
      'look for a newer snapshot, and for a member that still has data',
      lost === undefined
        ? 'its age is in no manifest; if whatever is lost is to be lost: --accept-data-loss any'
        : 'say how much may be lost: --accept-data-loss DURATION',
    ],
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
  observe: async (ctx) => await observeKept(ctx, FILE, snapshotSource),
  plan: async ({ with: { saved, snapshot, places, discardLiveState } }) => [
    ...(discardLiveState ? [] : saved).map(({ node, revision }) => ({
      verb: 'run' as const,
      subject: `judge the snapshot of ${node}`,
      note: `revision ${revision}`,
    })),
    ...(snapshot === undefined
      ? places.map(({ name }) => ({ verb: 'run' as const, subject: `judge the newest snapshot in ${name}` }))
      : [{ verb: 'run' as const, subject: `judge ${snapshot}` }]),
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
