import { DrError } from '../errors/dr-error.ts';
import { formatDuration } from '../model/duration.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { LogSegment, RunLog } from '../ports/run-store.ts';
import { type Claim, lastClaim, putClaim } from './claim-file.ts';
import { encodeLine, type JournalText, readJournal } from './journal-chain.ts';
import { lastOwner, type OwnerTag, writeTag } from './owner-tag.ts';
import type { OwnerEnvironment } from './run-options.ts';
import { foldJournal, type RunState } from './run-state.ts';

/** Races are lost only to somebody who won, so a few rounds end in a lock or in a victory. */
const MAX_ROUNDS = 8;

export interface TakeOptions {
  readonly env: OwnerEnvironment;
  readonly cluster: ClusterName;
  readonly run: RunId;
  /** Called when nothing stands in the way, before the claim is written: a new run fixes its `run.json` here. */
  readonly prepare?: () => Promise<void>;
}

/** The right to act on a cluster and to append to a run's journal. */
export interface Taken {
  readonly log: RunLog;
  readonly tag: OwnerTag;
  /** The journal as it stood when it was taken; nobody else can append to it any more. */
  readonly journal: JournalText;
  readonly state: RunState;
}

interface HeldRun {
  readonly segments: readonly LogSegment[];
  readonly journal: JournalText;
  readonly state: RunState;
  readonly tag: OwnerTag | undefined;
}

/**
 * Takes a cluster for a run. One run per cluster: claim n+1 is written only after the run of claim n has a final line, its own `ended` or the `superseded`
 * that the newcomer writes for it once its process is provably gone (or, where that cannot be told, a person has stated it). A resume
 * of the run whose process died goes on under the same claim. Every decision rests on one put-if-absent, so of any number of racers one wins.
 *
 * Throws `RUN_LOCKED` with the holder and what to do.
 */
export async function takeCluster(options: TakeOptions): Promise<Taken> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const settled = await settleClaim(options);
    const taken = settled === undefined ? undefined : await openOwnLog(options, settled);
    if (taken !== undefined) return taken;
  }
  throw new DrError({
    code: 'RUN_LOCKED',
    message: `cluster '${options.cluster}' is being taken by others again and again`,
    suggestions: ['look who else starts runs of this cluster'],
  });
}

/** The claim that is ours, with our run's journal as it was judged; `undefined` when a race was lost and all must be looked at again. */
async function settleClaim(options: TakeOptions): Promise<{ readonly claim: number; readonly own: HeldRun } | undefined> {
  const { env, cluster, run } = options;
  const last = await lastClaim(env.store, cluster);
  if (last?.run === run) return await settleOwn(options, last);
  const own = await readHeld(options, run);
  if (last !== undefined) {
    if (own.segments.length > 0) throw followed(options, last.run);
    const rest = await readAtRest(options, last);
    if (rest === undefined || (!rest.final && !(await supersede(options, last, rest)))) return undefined;
  }
  const claim = await claimNext(options, (last?.number ?? 0) + 1);
  return claim === undefined ? undefined : { claim, own };
}

/** A resume: under the same claim when the owner died, under a new one when the run had ended and the cluster was free since. */
async function settleOwn(options: TakeOptions, last: Claim): Promise<{ readonly claim: number; readonly own: HeldRun } | undefined> {
  const own = await readAtRest(options, last);
  if (own === undefined) return undefined;
  if (own.state.status === 'superseded') throw followed(options, own.state.supersededBy ?? last.run);
  const claim = own.final ? await claimNext(options, last.number + 1) : last.number;
  return claim === undefined ? undefined : { claim, own };
}

async function claimNext(options: TakeOptions, number: number): Promise<number | undefined> {
  const { env, cluster, run } = options;
  await options.prepare?.();
  const claim: Claim = { number, run, owner: env.owner, at: new Date(env.clock.now()).toISOString() };
  return (await putClaim(env.store, cluster, claim)) ? number : undefined;
}

/** Opens our segment after those that were judged, so an owner that came in between makes this fail instead of being fenced alive. */
async function openOwnLog(options: TakeOptions, { claim, own }: { readonly claim: number; readonly own: HeldRun }): Promise<Taken | undefined> {
  const { env, run } = options;
  const tag: OwnerTag = { nonce: env.random.hex(8), claim, owner: env.owner };
  const log = await env.store.openLog(run, writeTag(tag), own.segments.length);
  return log === undefined ? undefined : { log, tag, journal: own.journal, state: own.state };
}

/**
 * Reads the run of a claim once nobody appends to it any more: it has its final line, or its owner is gone. Throws `RUN_LOCKED` while the owner lives;
 * `undefined` when somebody else has moved on meanwhile.
 */
async function readAtRest(options: TakeOptions, claim: Claim): Promise<(HeldRun & { readonly final: boolean }) | undefined> {
  const held = await readHeld(options, claim.run);
  // Our look at the claims is older than our look at the journal.
  if ((held.tag?.claim ?? 0) > claim.number) return undefined;
  if (isFinal(held, claim)) return { ...held, final: true };
  await assertGone(options, claim, held);
  // The owner may have written its last lines between the first read and its death.
  const rest = await readHeld(options, claim.run);
  return rest.segments.length === held.segments.length ? { ...rest, final: isFinal(rest, claim) } : undefined;
}

async function readHeld({ env }: TakeOptions, run: RunId): Promise<HeldRun> {
  const segments = await env.store.readLog(run);
  const journal = readJournal(run, segments);
  return { segments, journal, state: foldJournal(journal.entries), tag: lastOwner(run, segments) };
}

/** Whether the run that holds a claim has a final line, written under that very claim: an owner that has only just opened its segment has none yet. */
function isFinal({ segments, state, tag }: HeldRun, claim: Claim): boolean {
  if (tag?.claim !== claim.number || segments.at(-1)?.text.includes('\n') !== true) return false;
  return state.status === 'ended' || state.status === 'superseded';
}

/** Ends a run whose process is gone, as the next segment of its journal. `false` when somebody else was faster. */
async function supersede(options: TakeOptions, claim: Claim, rest: HeldRun): Promise<boolean> {
  const { env, run } = options;
  const tag: OwnerTag = { nonce: env.random.hex(8), claim: claim.number, owner: env.owner };
  const log = await env.store.openLog(claim.run, writeTag(tag), rest.segments.length);
  if (log === undefined) return false;
  const at = new Date(env.clock.now()).toISOString();
  try {
    await log.append([encodeLine({ type: 'superseded', by: run, owner: env.owner }, rest.journal.end, at).line]);
  } finally {
    await log[Symbol.asyncDispose]();
  }
  env.events({ at, run, type: 'journal', message: `run '${claim.run}' held the cluster, its process is gone: it is superseded by this one` });
  return true;
}

/** Throws `RUN_LOCKED` unless the owner is proven gone, or nobody here can tell and a person has stated it. */
async function assertGone({ env, cluster }: TakeOptions, claim: Claim, held: HeldRun): Promise<void> {
  const owner = held.tag?.claim === claim.number ? held.tag.owner : claim.owner;
  if (!(await env.isAlive(owner))) return;
  const canTell = owner.host === env.owner.host && owner.boot === env.owner.boot;
  if (!canTell && env.ownerGone !== undefined) return;
  const since = held.state.lastAt ?? claim.at;
  const age = formatDuration(Math.max(0, env.clock.now() - Date.parse(since)));
  throw new DrError({
    code: 'RUN_LOCKED',
    message: `cluster '${cluster}' is held by run '${claim.run}': process ${owner.pid} of ${owner.user} on host '${owner.host}', last sign of life ${age} ago`,
    details: { run: claim.run, cluster, host: owner.host, pid: owner.pid, user: owner.user, lastAt: since },
    suggestions: canTell
      ? [`lattice-dr status ${claim.run}`, `let it end, or stop it with: kill -INT ${owner.pid}`]
      : [
          `lattice-dr status ${claim.run}`,
          `from here nobody can tell whether it still lives: it ran on host '${owner.host}' before a restart of that machine, or in another container or on another machine`,
          `when it is certainly gone, say how you know: lattice-dr resume ${claim.run} --owner-gone '<how you know>'`,
        ],
  });
}

function followed({ cluster, run }: TakeOptions, by: RunId): DrError {
  return new DrError({
    code: 'RUN_LOCKED',
    message: `run '${run}' has been followed by run '${by}' on cluster '${cluster}', so it can no longer be resumed`,
    details: { run, cluster, followedBy: by },
    suggestions: [`lattice-dr resume ${by}`, 'or start a new run'],
  });
}
