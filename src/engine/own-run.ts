import type { Digest } from '../model/digest.ts';
import { runsBefore } from './claim-file.ts';
import type { Taken } from './claims.ts';
import { ancestorsOf } from './graph.ts';
import { Journal } from './journal.ts';
import { oneAtATime } from './prompter.ts';
import type { FrozenRun } from './run-files.ts';
import type { OwnerEnvironment, RunEnvironment } from './run-options.ts';
import { type RunScope, stamping } from './run-scope.ts';

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
  return {
    env,
    frozen,
    journal,
    ownership: taken.journal.segments + 1,
    predecessors: (await runsBefore(env.store, frozen.cluster, taken.tag.claim)).filter((run) => run !== frozen.id),
    prompter: oneAtATime(env.prompter),
    ancestors: ancestorsOf(frozen.graph.nodes),
    outputs: new Map(),
    emit,
  };
}

/** Opens the writing side of a journal that was taken: a repair of what the last owner left torn, then who we are. */
export async function ownJournal<E extends OwnerEnvironment>(options: OwnOptions<E>, purpose: 'run' | 'release'): Promise<Journal> {
  const { env, frozen, taken } = options;
  const { end, torn } = taken.journal;
  const journal = new Journal({ log: taken.log, clock: env.clock, end, state: taken.state });
  const { id: run, cluster, mode, tool } = frozen;
  const ownerGone = env.ownerGone === undefined ? {} : { ownerGone: env.ownerGone };
  try {
    if (torn !== undefined) await journal.append({ type: 'repair', segment: torn.segment, cutBytes: torn.bytes });
    if (taken.state.status === 'new' && options.frozenDigest !== undefined) {
      await journal.append({ type: 'run-started', run, cluster, mode, tool, frozen: options.frozenDigest });
    }
    await journal.append({ type: 'owner', nonce: taken.tag.nonce, owner: env.owner, tool: env.tool, claim: taken.tag.claim, purpose, ...ownerGone });
    return journal;
  } catch (error) {
    await journal.close().catch(() => undefined);
    throw error;
  }
}

/** What an operator should know about a journal that was taken over. */
function remarks<E extends OwnerEnvironment>({ env, frozen, taken }: OwnOptions<E>): readonly string[] {
  const { torn, fencedLines } = taken.journal;
  return [
    ...(torn === undefined
      ? []
      : [`the last line was unfinished (${torn.bytes} bytes, segment ${torn.segment}) and has been cut; what it would have said is looked up in the world`]),
    ...(fencedLines === 0 ? [] : [`${fencedLines} lines were written by an owner that had already been replaced; they do not count`]),
    ...(frozen.tool === env.tool ? [] : [`the run was started by version ${frozen.tool}, this is ${env.tool}; the contracts of its steps are the same`]),
  ];
}
