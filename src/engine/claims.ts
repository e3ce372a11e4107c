import { DrError } from '../errors/dr-error.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { RunLog } from '../ports/run-store.ts';
import { type Claim, lastClaim, putClaim } from './claim-file.ts';
import { type HeldRun, isFinal, type KnownJournal, openSegment, readHeld } from './held-run.ts';
import { Journal } from './journal.ts';
import type { JournalText } from './journal-chain.ts';
import type { OwnerTag } from './owner-tag.ts';
import type { OwnerEnvironment } from './run-options.ts';
import { openHolds, type RunState } from './run-state.ts';
import { judgeHolder, type Passage, type StandBack, standBack, standBackFrom } from './take-over.ts';

/** Races are lost only to somebody who won, so a few rounds end in a lock or in a victory. */
const MAX_ROUNDS = 8;

export interface TakeOptions {
  readonly env: OwnerEnvironment;
  readonly cluster: ClusterName;
  readonly run: RunId;
  /** Called once nothing forbids to take the cluster, before anything is written for it: a new run fixes its `run.json` here. */
  readonly prepare?: () => Promise<void>;
  /** The journal of the run, when it has been read already. */
  readonly known?: KnownJournal;
}

/** The right to act on a cluster and to append to a run's journal. */
export interface Taken {
  readonly log: RunLog;
  readonly tag: OwnerTag;
  /** The journal as it stood when it was taken; nobody else can append to it any more. */
  readonly journal: JournalText;
  readonly state: RunState;
  /** What is to be waited for, once it is in the journal, before the first act. */
  readonly wait?: StandBack | undefined;
}

/** The claim that is ours, and our run's journal as it was judged. */
interface Settled {
  readonly claim: number;
  readonly own: HeldRun;
  /** How we pass an owner of this very run; absent when it has ended. */
  readonly passage?: Passage;
}

/**
 * Takes a cluster for a run. One run per cluster: claim n+1 is written only after the run of claim n has a final line, its own `ended` or the `superseded`
 * that the newcomer writes for it, as the next segment of its journal. That is allowed once its process is provably gone; where that cannot be told, when a
 * person states it; and when a person takes the cluster from an owner that may live (`takeOver`), which is then waited for. A resume goes on under the same
 * claim. Every decision rests on one put-if-absent, so of any number of racers one wins.
 *
 * Throws `RUN_LOCKED` with the holder and what to do, `CANCELLED` during a wait.
 */
export async function takeCluster(options: TakeOptions): Promise<Taken> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const settled = await settleClaim(options);
    const taken = settled === undefined ? undefined : await takeOwn(options, settled);
    if (taken !== undefined) return taken;
  }
  throw new DrError({
    code: 'RUN_LOCKED',
    message: `cluster '${options.cluster}' is being taken by others again and again`,
    suggestions: ['look who else starts runs of this cluster'],
  });
}

/** `undefined` when a race was lost and all must be looked at again. */
async function settleClaim(options: TakeOptions): Promise<Settled | undefined> {
  const { env, cluster, run } = options;
  const last = await lastClaim(env.store, cluster);
  const own = await readHeld(env, run, options.known);
  if (last?.run === run) return await settleOwn(options, last, own);
  if (last !== undefined && own.segments.length > 0) throw followed(options, last.run);
  if (last !== undefined && !(await endLast(options, last))) return undefined;
  const claim = await claimNext(options, (last?.number ?? 0) + 1);
  return claim === undefined ? undefined : { claim, own };
}

/** A resume: under the same claim when the owner died or is replaced, under a new one when the run had ended and the cluster was free since. */
async function settleOwn(options: TakeOptions, last: Claim, own: HeldRun): Promise<Settled | undefined> {
  const { env, cluster } = options;
  if (isBehind(own, last)) return undefined;
  if (!isFinal(own, last)) return { claim: last.number, own, passage: await judgeHolder(env, { cluster, claim: last, held: own }) };
  if (own.state.status === 'superseded') throw followed(options, own.state.supersededBy ?? last.run);
  const claim = await claimNext(options, last.number + 1);
  return claim === undefined ? undefined : { claim, own };
}

/** Our look at the claims is older than our look at the journal. */
function isBehind({ tag }: HeldRun, claim: Claim): boolean {
  return (tag?.claim ?? 0) > claim.number;
}

/** Opens our segment after those that were judged, so an owner that came in between makes this fail instead of being fenced alive. */
async function takeOwn({ env }: TakeOptions, { claim, own, passage }: Settled): Promise<Taken | undefined> {
  const opened = await openSegment(env, { judged: own, claim, takeOver: reasonOf(passage) });
  if (opened === undefined) return undefined;
  const { log, tag, before } = opened;
  return { log, tag, journal: before.journal, state: before.state, wait: await standBackFrom(env, before, passage) };
}

function reasonOf(passage: Passage | undefined): string | undefined {
  return passage?.how === 'taken' ? passage.reason : undefined;
}

/** Sees to it that the run of the last claim is over and does nothing any more. `false` when somebody else has moved on meanwhile. */
async function endLast(options: TakeOptions, last: Claim): Promise<boolean> {
  const { env } = options;
  const held = await readHeld(env, last.run);
  if (isBehind(held, last)) return false;
  if (!isFinal(held, last)) return await supersede(options, last, held);
  const wait = await standBackFrom(env, held);
  if (wait !== undefined) await standBack(env, wait, env.signal);
  return true;
}

/** Ends a run that is not ours, as the next segment of its journal, and waits for what its owner may still be doing. */
async function supersede(options: TakeOptions, claim: Claim, held: HeldRun): Promise<boolean> {
  const { env, cluster, run, prepare } = options;
  const passage = await judgeHolder(env, { cluster, claim, held });
  // Before the old run names this one as its successor, so that this one can be resumed should it not live to its claim.
  await prepare?.();
  const opened = await openSegment(env, { judged: held, claim: claim.number, takeOver: reasonOf(passage) });
  if (opened === undefined) return false;
  const { log, before } = opened;
  const wait = await standBackFrom(env, before, passage);
  const journal = Journal.open({ log, clock: env.clock, end: before.journal.end, state: before.state, cancel: env.signal });
  try {
    const takeOver = wait?.record === undefined ? {} : { takeOver: wait.record };
    await journal.append({ type: 'superseded', by: run, owner: env.owner, ...said(passage), ...takeOver, held: openHolds(journal.state).length });
  } finally {
    await journal.close();
  }
  const message = `run '${claim.run}' held the cluster, ${PASSAGES[passage.how]}: it is superseded by this one`;
  env.events({ at: new Date(env.clock.now()).toISOString(), run, type: 'journal', message });
  if (wait !== undefined) await standBack(env, { ...wait, run }, env.signal);
  return true;
}

const PASSAGES: Readonly<Record<Passage['how'], string>> = {
  proven: 'its process is gone',
  stated: 'its process is said to be gone',
  taken: 'it is taken from its owner',
};

function said(passage: Passage): { readonly ownerGone?: string } {
  return passage.how === 'stated' ? { ownerGone: passage.text } : {};
}

async function claimNext(options: TakeOptions, number: number): Promise<number | undefined> {
  const { env, cluster, run } = options;
  await options.prepare?.();
  const claim: Claim = { number, run, owner: env.owner, at: new Date(env.clock.now()).toISOString() };
  return (await putClaim(env.store, cluster, claim)) ? number : undefined;
}

function followed({ cluster, run }: TakeOptions, by: RunId): DrError {
  return new DrError({
    code: 'RUN_LOCKED',
    message: `run '${run}' has been followed by run '${by}' on cluster '${cluster}', so it can no longer be resumed`,
    details: { run, cluster, followedBy: by },
    suggestions: [`to see how that run stands: lattice-dr status ${by}`, 'or start a new run'],
  });
}
