import { DrError } from '../errors/dr-error.ts';
import { formatDuration } from '../model/duration.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { LogSegment, RunLog } from '../ports/run-store.ts';
import { lastClaim, putClaim, type Claim } from './claim-file.ts';
import { encodeLine, readJournal, type JournalText } from './journal-chain.ts';
import { lastOwner, writeTag, type OwnerTag } from './owner-tag.ts';
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
 * that the newcomer writes for it once its process is provably gone (same host, and another boot or no process of that pid and start time). A resume
 * of the run whose process died goes on under the same claim. Every decision rests on one put-if-absent, so of any number of racers one wins.
 *
 * Throws `RUN_LOCKED` with the holder and what to do.
 */
export async function takeCluster(options: TakeOptions): Promise<Taken> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const claim = await settleClaim(options);
    const taken = claim === undefined ? undefined : await openOwnLog(options, claim);
    if (taken !== undefined) return taken;
  }
  throw new DrError({ code: 'RUN_LOCKED', message: `cluster '${options.cluster}' is being taken by others again and again`, suggestions: ['look who else starts runs of this cluster'] });
}

/** The claim we hold, or `undefined` when a race was lost and all must be looked at again. */
async function settleClaim(options: TakeOptions): Promise<number | undefined> {
  const { env, cluster, run } = options;
  const last = await lastClaim(env.store, cluster);
  if (last === undefined) return await claimNext(options, 1);
  const held = await readHeld(options, last.run);
  const final = isFinal(held, last);
  if (last.run !== run) {
    if (await wasClaimed(options)) throw followed(options, last);
    if (!final && !(await supersede(options, last, held))) return undefined;
    return await claimNext(options, last.number + 1);
  }
  if (held.state.status === 'superseded') throw followed(options, { ...last, run: held.state.supersededBy ?? last.run });
  if (final) return await claimNext(options, last.number + 1);
  await assertGone(options, last, held);
  return last.number;
}

async function claimNext(options: TakeOptions, number: number): Promise<number | undefined> {
  const { env, cluster, run } = options;
  await options.prepare?.();
  const claim: Claim = { number, run, owner: env.owner, at: new Date(env.clock.now()).toISOString() };
  return (await putClaim(env.store, cluster, claim)) ? number : undefined;
}

async function openOwnLog(options: TakeOptions, claim: number): Promise<Taken | undefined> {
  const { env, run } = options;
  const held = await readHeld(options, run);
  const tag: OwnerTag = { nonce: env.random.hex(8), claim, owner: env.owner };
  const log = await env.store.openLog(run, writeTag(tag), held.segments.length);
  return log === undefined ? undefined : { log, tag, journal: held.journal, state: held.state };
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
async function supersede(options: TakeOptions, claim: Claim, held: HeldRun): Promise<boolean> {
  const { env, run } = options;
  await assertGone(options, claim, held);
  const tag: OwnerTag = { nonce: env.random.hex(8), claim: claim.number, owner: env.owner };
  const log = await env.store.openLog(claim.run, writeTag(tag), held.segments.length);
  if (log === undefined) return false;
  try {
    const { line } = encodeLine({ type: 'superseded', by: run, owner: env.owner }, held.journal.end, new Date(env.clock.now()).toISOString());
    await log.append([line]);
  } finally {
    await log[Symbol.asyncDispose]();
  }
  const at = new Date(env.clock.now()).toISOString();
  env.events({ at, run, type: 'journal', message: `run '${claim.run}' held the cluster, its process is gone: it is superseded by this one` });
  return true;
}

/** Whether this run once held the cluster, which a resume of it shows by having owners in its journal. */
async function wasClaimed(options: TakeOptions): Promise<boolean> {
  return (await readHeld(options, options.run)).segments.length > 0;
}

async function assertGone({ env, cluster }: TakeOptions, claim: Claim, held: HeldRun): Promise<void> {
  const owner = held.tag?.claim === claim.number ? held.tag.owner : claim.owner;
  if (owner.host === env.owner.host && (owner.boot !== env.owner.boot || !(await env.isAlive(owner)))) return;
  const since = held.state.lastAt ?? claim.at;
  const age = formatDuration(Math.max(0, env.clock.now() - Date.parse(since)));
  throw new DrError({
    code: 'RUN_LOCKED',
    message: `cluster '${cluster}' is held by run '${claim.run}': process ${owner.pid} of ${owner.user} on host '${owner.host}', last sign of life ${age} ago`,
    details: { run: claim.run, cluster, host: owner.host, pid: owner.pid, user: owner.user, lastAt: since },
    suggestions: lockedSuggestions(owner, env.owner, claim.run),
  });
}

function lockedSuggestions(owner: ProcessOwner, self: ProcessOwner, run: RunId): readonly string[] {
  const status = `lattice-dr status ${run}`;
  if (owner.host === self.host) return [status, `let it end, or stop it with: kill -INT ${owner.pid}`];
  return [status, `whether it still lives can only be told on host '${owner.host}': stop it there, or continue there with: lattice-dr resume ${run}`];
}

function followed({ cluster, run }: TakeOptions, by: { readonly run: RunId }): DrError {
  return new DrError({
    code: 'RUN_LOCKED',
    message: `run '${run}' has been followed by run '${by.run}' on cluster '${cluster}', so it can no longer be resumed`,
    details: { run, cluster, followedBy: by.run },
    suggestions: [`lattice-dr resume ${by.run}`, 'or start a new run'],
  });
}
