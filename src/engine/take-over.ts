import { asDrError, DrError } from '../errors/dr-error.ts';
import { type DurationMs, formatDuration } from '../model/duration.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { Claim } from './claim-file.ts';
import { ABORT_GRACE_MS } from './deadline.ts';
import type { HeldRun } from './held-run.ts';
import type { TakeOverRecord } from './journal-entries.ts';
import { hasLines, ownerOf } from './owner-tag.ts';
import { TAKE_OVER_WAIT_MS } from './owner-times.ts';
import type { OwnerEnvironment } from './run-options.ts';
import type { RunState } from './run-state.ts';

/** How often a process of this machine is looked for while it is waited for. */
const LOOK_EVERY_MS = 1_000;

/** Why a run may be taken from its last owner: it is proven gone, a person states that it is, or a person takes it although it may live. */
export type Passage = { readonly how: 'proven' } | { readonly how: 'stated'; readonly text: string } | { readonly how: 'taken'; readonly reason: string };

/** What has to be waited for before the first act under a new owner. */
export interface StandBack {
  readonly run: RunId;
  readonly from: ProcessOwner;
  readonly reason: string;
  readonly waitMs: DurationMs;
  /** For people: what may still be under way. */
  readonly waitsFor: string;
  /** What goes into the journal; absent when it is there already, from a newcomer that did not live to the end of its wait. */
  readonly record?: TakeOverRecord;
}

/** Says why a run may be taken from the owner that holds the cluster. Throws `RUN_LOCKED`, with the holder and what to do, when it may not. */
export async function judgeHolder(
  env: OwnerEnvironment,
  { cluster, claim, held }: { readonly cluster: ClusterName; readonly claim: Claim; readonly held: HeldRun },
): Promise<Passage> {
  const owner = held.tag?.claim === claim.number ? held.tag.owner : claim.owner;
  if (!(await env.isAlive(owner))) return { how: 'proven' };
  if (env.ownerGone !== undefined && !isHere(env, owner)) return { how: 'stated', text: env.ownerGone };
  if (env.takeOver !== undefined) return { how: 'taken', reason: env.takeOver };
  const since = held.state.lastAt ?? claim.at;
  const age = formatDuration(Math.max(0, env.clock.now() - Date.parse(since)));
  throw new DrError({
    code: 'RUN_LOCKED',
    message: `cluster '${cluster}' is held by run '${claim.run}': process ${owner.pid} of ${owner.user} on host '${owner.host}', last sign of life ${age} ago`,
    details: { run: claim.run, cluster, host: owner.host, pid: owner.pid, user: owner.user, lastAt: since },
    suggestions: whatToType(env, claim.run, owner),
  });
}

/** Whether this machine can tell for certain if a process lives. */
function isHere({ owner: us }: OwnerEnvironment, owner: ProcessOwner): boolean {
  return owner.host === us.host && owner.boot === us.boot;
}

function whatToType(env: OwnerEnvironment, run: RunId, owner: ProcessOwner): readonly string[] {
  const takeOver = `to take the cluster from it although it may be at work: lattice-dr resume ${run} --take-over '<why>'; it is fenced, and then waited for`;
  const look = [`to watch it: lattice-dr attach ${run}`, `to see how it stands: lattice-dr status ${run}`];
  const end = `to have it end in good order: lattice-dr cancel ${run}`;
  if (isHere(env, owner)) return [...look, end, `if it does not answer, stop it with: kill -INT ${owner.pid}`, takeOver];
  return [
    ...look,
    end,
    `from here nobody can tell whether it still lives: it ran on host '${owner.host}' before a restart of that machine, or in another container or on another machine`,
    `when it is certainly gone, say how you know: lattice-dr resume ${run} --owner-gone '<how you know>'`,
    takeOver,
  ];
}

/**
 * Says what to wait for before acting on what an earlier owner of this journal may still be changing; `undefined` when nothing is. Only the last owner
 * that has written lines can be at work: before its first line an owner does nothing, and after a fence nobody gets one. A take-over of which the journal
 * says nothing yet, because the newcomer died as it opened its segment, begins its wait anew.
 */
export async function standBackFrom(env: OwnerEnvironment, before: HeldRun, passage?: Passage): Promise<StandBack | undefined> {
  const [fresh, left] = [await freshWait(env, before, passage), await waitLeft(env, before)];
  if (fresh === undefined || left === undefined) return fresh ?? left;
  return left.waitMs > fresh.waitMs ? { ...fresh, waitMs: left.waitMs, waitsFor: left.waitsFor } : fresh;
}

async function freshWait(env: OwnerEnvironment, before: HeldRun, passage: Passage | undefined): Promise<StandBack | undefined> {
  const { run, segments, state } = before;
  const last = segments.findLastIndex(hasLines) + 1;
  const reason = passage?.how === 'taken' ? passage.reason : untold(before, last);
  if (reason === undefined || last === 0 || state.status === 'ended' || state.status === 'superseded') return undefined;
  const from = ownerOf(run, segments, last).owner;
  if (await isGone(env, from)) return undefined;
  const effect = latestEffect(state);
  const isBound = effect !== undefined && effect.leftMs > TAKE_OVER_WAIT_MS;
  const waitMs = isBound ? effect.leftMs : TAKE_OVER_WAIT_MS;
  const waitsFor = isBound ? `${effect.name}, which it may be at work on for so long` : 'it learns within that time that it was replaced, or stops by itself';
  return { run, from, reason, waitMs, waitsFor, record: { reason, from, until: new Date(env.clock.now() + waitMs).toISOString() } };
}

/** Why a newcomer that has written no line was about to take the run from an owner that might live. */
function untold({ run, segments }: HeldRun, lastWithLines: number): string | undefined {
  return segments.flatMap((_segment, index) => (index < lastWithLines ? [] : (ownerOf(run, segments, index + 1).takeOver ?? []))).at(-1);
}

async function isGone(env: OwnerEnvironment, owner: ProcessOwner): Promise<boolean> {
  return !(await env.isAlive(owner)) || (env.ownerGone !== undefined && !isHere(env, owner));
}

/**
 * The open effect that may go on for longest, and for how long from now. Clocks of two machines may differ, so only times of the old owner are compared:
 * since its last line is older than our fence, what an effect had left at that line is at least what it has left now. 10 s are added for an effect that is
 * slow to obey its deadline.
 */
function latestEffect({ steps, lastAt }: RunState): { readonly name: string; readonly leftMs: DurationMs } | undefined {
  const open = [...steps.values()].flatMap(({ id, effects }) =>
    [...effects.values()]
      .filter(({ state }) => state === 'intent')
      .map(({ name, key, deadline }) => ({
        name: `effect '${name} ${key}' of step '${id}'`,
        leftMs: Date.parse(deadline) - Date.parse(lastAt ?? deadline) + ABORT_GRACE_MS,
      })),
  );
  return open.sort((a, b) => b.leftMs - a.leftMs)[0];
}

/** What is left of a wait that the journal tells of. On another machine than the one that began it, it counts from the last line that machine wrote. */
async function waitLeft(env: OwnerEnvironment, { run, state }: HeldRun): Promise<StandBack | undefined> {
  const { takeOver, lastAt } = state;
  if (takeOver === undefined || (await isGone(env, takeOver.from))) return undefined;
  const { from, reason, until, at, by } = takeOver;
  const nowMs = by.host === env.owner.host ? env.clock.now() : Date.parse(lastAt ?? at);
  // A clock that was set back does not make the wait longer than it was.
  const waitMs = Math.min(Date.parse(until) - nowMs, Date.parse(until) - Date.parse(at));
  return waitMs > 0 ? { run, from, reason, waitMs, waitsFor: `what is left of the wait that process ${by.pid} on host '${by.host}' began` } : undefined;
}

/** Waits, says so, and gives how long it took: less when the old process can be seen from here and is gone. Throws `CANCELLED`. */
export async function standBack(env: OwnerEnvironment, wait: StandBack, signal: AbortSignal | undefined): Promise<DurationMs> {
  const { clock } = env;
  const { run, from, reason, waitMs, waitsFor } = wait;
  const tell = (state: 'waiting' | 'over', forMs: DurationMs): void =>
    env.events({ at: new Date(clock.now()).toISOString(), type: 'take-over', run, from, reason, state, forMs: Math.round(forMs), waitsFor });
  const sinceMs = clock.monotonic();
  const leftMs = (): DurationMs => sinceMs + waitMs - clock.monotonic();
  tell('waiting', waitMs);
  try {
    while (leftMs() > 0 && (await env.isAlive(from))) await clock.sleep(isHere(env, from) ? Math.min(LOOK_EVERY_MS, leftMs()) : leftMs(), signal);
  } catch (thrown) {
    throw signal?.aborted === true ? interrupted(run, signal.reason) : thrown;
  }
  const waitedMs = Math.round(clock.monotonic() - sinceMs);
  tell('over', waitedMs);
  return waitedMs;
}

function interrupted(run: RunId, reason: unknown): DrError {
  const error = asDrError(reason);
  if (error.code !== 'BUG') return error;
  return new DrError({ code: 'CANCELLED', message: `cancelled while the last owner of run '${run}' was waited for; nothing was done`, cause: reason });
}
