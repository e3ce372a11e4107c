import { asDrError, isDrError } from '../errors/dr-error.ts';
import type { Digest } from '../model/digest.ts';
import { formatDuration } from '../model/duration.ts';
import { runsBefore } from './claim-file.ts';
import type { Taken } from './claims.ts';
import { clockSetBackMs } from './clock-set-back.ts';
import { ancestorsOf } from './graph.ts';
import { Journal } from './journal.ts';
import type { TakeOverRecord } from './journal-entries.ts';
import type { StallChange } from './journal-writer.ts';
import { Operator } from './operator.ts';
import { answerable } from './operator-prompter.ts';
import { oneAtATime } from './prompter.ts';
import { recordError } from './recorded-error.ts';
import { nameSuccessor } from './replaced.ts';
import type { FrozenRun } from './run-files.ts';
import type { OwnerEnvironment, RunEnvironment } from './run-options.ts';
import { joinedWith, type RunScope, stamping } from './run-scope.ts';
import { openHolds } from './run-state.ts';
import { type StandBack, standBack } from './take-over.ts';

export interface OwnOptions<E extends OwnerEnvironment> {
  readonly env: E;
  readonly frozen: FrozenRun;
  readonly taken: Taken;
  /** Digest of `run.json`, for the first line of a journal that has none. */
  readonly frozenDigest: Digest | undefined;
}

/** Writes a new owner's first lines and gives what its steps share. Throws `STORE_FAILED`, `RUN_REPLACED`. */
export async function ownRun<P>(options: OwnOptions<RunEnvironment<P>>): Promise<RunScope<P>> {
  const { env, frozen, taken } = options;
  const journal = await ownJournal(options, 'run');
  const emit = stamping(env, frozen.id);
  for (const message of remarks(options)) emit({ type: 'journal', message });
  const operator = new Operator();
  return {
    env,
    frozen,
    journal,
    nonce: taken.tag.nonce,
    ownership: taken.journal.segments + 1,
    predecessors: (await runsBefore(env.store, frozen.cluster, taken.tag.claim)).filter((run) => run !== frozen.id),
    operator,
    prompter: answerable(oneAtATime(env.prompter), { operator, clock: env.clock, waitMs: env.waitForAnswersMs ?? 0 }),
    ancestors: ancestorsOf(frozen.graph.nodes),
    outputs: new Map(),
    emit,
    stopping: joinedWith(journal.failed),
  };
}

/**
 * Opens the writing side of a journal that was taken: a repair of what the last owner left torn, then who we are. Resolves once nobody else can be at work on
 * the run any more. Throws `STORE_FAILED`, `RUN_REPLACED`, `CANCELLED`.
 */
export async function ownJournal<E extends OwnerEnvironment>(options: OwnOptions<E>, purpose: 'run' | 'release'): Promise<Journal> {
  const { env, frozen, taken } = options;
  const { end, torn } = taken.journal;
  const emit = stamping(env, frozen.id);
  const onStall = (change: StallChange): void => emit({ type: 'store', ...change });
  const journal = Journal.open({ log: taken.log, clock: env.clock, end, state: taken.state, cancel: env.signal, onStall });
  const { id: run, cluster, mode, tool } = frozen;
  try {
    if (torn !== undefined) await journal.append({ type: 'repair', segment: torn.segment, cutBytes: torn.bytes });
    if (taken.state.status === 'new' && options.frozenDigest !== undefined) {
      await journal.append({ type: 'run-started', run, cluster, mode, tool, frozen: options.frozenDigest });
    }
    const { nonce, claim } = taken.tag;
    await journal.append({ type: 'owner', nonce, owner: env.owner, tool: env.tool, claim, purpose, ...passageOf(options) });
    if (taken.wait !== undefined) await standBackAlive(env, journal, taken.wait);
    return journal;
  } catch (error) {
    await endCancelled(journal, error);
    await journal.close().catch(() => undefined);
    throw await nameSuccessor({ store: env.store, run, ownership: taken.journal.segments + 1 }, asDrError(error));
  }
}

function passageOf<E extends OwnerEnvironment>({ env, taken }: OwnOptions<E>): { readonly ownerGone?: string; readonly takeOver?: TakeOverRecord } {
  const record = taken.wait?.record;
  return { ...(env.ownerGone === undefined ? {} : { ownerGone: env.ownerGone }), ...(record === undefined ? {} : { takeOver: record }) };
}

/** Waits for what an earlier owner may still be doing, while others see that we live. */
async function standBackAlive(env: OwnerEnvironment, journal: Journal, wait: StandBack): Promise<void> {
  const over = new AbortController();
  const alive = journal.stayAlive(over.signal);
  try {
    const forMs = await standBack(env, wait, env.signal === undefined ? journal.failed : AbortSignal.any([env.signal, journal.failed]));
    // Another machine could not see what ended the wait.
    await journal.append({ type: 'stood-back', forMs });
  } finally {
    over.abort('over');
    await alive;
  }
}

/** Gives a run that was cancelled during that wait its final line. */
async function endCancelled(journal: Journal, error: unknown): Promise<void> {
  if (!isDrError(error, 'CANCELLED') || journal.failed.aborted) return;
  const held = openHolds(journal.state).length;
  await journal.append({ type: 'ended', state: 'cancelled', error: recordError(error), held }).catch(() => undefined);
}

/** What an operator should know about a journal that was taken over. */
function remarks<E extends OwnerEnvironment>({ env, frozen, taken }: OwnOptions<E>): readonly string[] {
  const { torn, fencedLines, entries } = taken.journal;
  const backMs = clockSetBackMs(entries.slice(-1), env.clock.now());
  return [
    ...(backMs === 0
      ? []
      : [
          `the clock of this machine is ${formatDuration(backMs)} behind the journal's last line (${taken.state.lastAt ?? ''}): the times of this run do not add up`,
        ]),
    ...(torn === undefined
      ? []
      : [`the last line was unfinished (${torn.bytes} bytes, segment ${torn.segment}) and has been cut; what it would have said is looked up in the world`]),
    ...(fencedLines === 0 ? [] : [`${fencedLines} lines were written by an owner that had already been replaced; they do not count`]),
    ...(frozen.tool === env.tool ? [] : [`the run was started by version ${frozen.tool}, this is ${env.tool}; the contracts of its steps are the same`]),
  ];
}
