import { asDrError, DrError } from '../errors/dr-error.ts';
import { HOLD_KINDS, type Hold } from '../model/hold.ts';
import type { RunId } from '../model/ids.ts';
import { takeCluster } from './claims.ts';
import type { Journal } from './journal.ts';
import { ownJournal } from './own-run.ts';
import { nameSuccessor } from './replaced.ts';
import { readRun } from './run-files.ts';
import type { OwnerEnvironment } from './run-options.ts';
import { openHolds, type RunState } from './run-state.ts';

export interface ReleaseOptions extends OwnerEnvironment {
  readonly run: RunId;
  /** Ids of the holds to release; absent: all. */
  readonly only?: readonly string[];
  readonly signal: AbortSignal;
  /** Puts one thing back. Idempotent: after a crash it is called again. */
  readonly release: (hold: Hold, signal: AbortSignal) => Promise<void>;
}

export interface HoldsReleased {
  readonly released: readonly Hold[];
  readonly remaining: readonly Hold[];
  /** What stopped the release; nothing after it was tried. */
  readonly error?: DrError;
}

/**
 * Releases holds of a run that no longer runs, one after the other in the fixed order of their kinds, each journalled once it is put back. It owns the run
 * meanwhile, so no other run of the cluster starts beside it, and leaves the run's end as it was. Stops at the first hold that fails; those before it stay
 * released.
 *
 * Throws, with nothing changed: `USAGE` for an id that is not held, `RUN_NOT_FOUND`, `JOURNAL_BROKEN`, `RUN_LOCKED`, `STORE_FAILED`.
 */
export async function releaseHolds(options: ReleaseOptions): Promise<HoldsReleased> {
  const stored = await readRun(options.store, options.run);
  const wanted = chooseHolds(stored.state, options);
  if (wanted.length === 0) return { released: [], remaining: openHolds(stored.state) };
  const { frozen } = stored;
  const taken = await takeCluster({ env: options, cluster: frozen.cluster, run: frozen.id, known: stored });
  const journal = await ownJournal({ env: options, frozen, taken, frozenDigest: stored.digest }, 'release');
  const ended = new AbortController();
  const alive = journal.stayAlive(ended.signal);
  const { released, error: stopped } = await releaseEach(options, journal, wanted);
  ended.abort();
  await alive;
  const unwritten = await writeEnd(journal, taken.state.end);
  const first = stopped ?? unwritten;
  const error = first === undefined ? undefined : await nameSuccessor({ store: options.store, run: frozen.id, ownership: taken.journal.segments + 1 }, first);
  await journal.close().catch(() => undefined);
  return { released, remaining: openHolds(journal.state), ...(error === undefined ? {} : { error }) };
}

async function releaseEach(options: ReleaseOptions, journal: Journal, wanted: readonly Hold[]): Promise<Pick<HoldsReleased, 'released' | 'error'>> {
  const { owner, run, clock } = options;
  const signal = AbortSignal.any([options.signal, journal.failed, journal.contact.lost]);
  const released: Hold[] = [];
  try {
    for (const hold of wanted) {
      signal.throwIfAborted();
      await options.release(hold, signal);
      await journal.append({ type: 'released', hold: hold.id, by: owner.user });
      released.push(hold);
      options.events({ type: 'hold', hold, state: 'released', run, at: new Date(clock.now()).toISOString() });
    }
    return { released };
  } catch (error) {
    return { released, error: asDrError(error) };
  }
}

/** The run itself is as it was; one that had died without a final line gets one now. */
async function writeEnd(journal: Journal, before: RunState['end']): Promise<DrError | undefined> {
  const error = before?.error === undefined ? {} : { error: before.error };
  try {
    await journal.append({ type: 'ended', state: before?.state ?? 'cancelled', ...error, held: openHolds(journal.state).length });
    return undefined;
  } catch (failure) {
    return asDrError(failure);
  }
}

function chooseHolds(state: RunState, { only, run }: ReleaseOptions): readonly Hold[] {
  const held = openHolds(state);
  const missing = (only ?? []).filter((id) => !held.some((hold) => hold.id === id));
  if (missing.length > 0) {
    const list = held.map((hold) => hold.id).join(', ') || 'nothing';
    throw new DrError({
      code: 'USAGE',
      message: `run '${run}' does not hold ${missing.map((id) => `'${id}'`).join(', ')} (it holds: ${list})`,
      suggestions: [`lattice-dr holds ${run}`],
    });
  }
  const chosen = only === undefined ? held : held.filter((hold) => only.includes(hold.id));
  return [...chosen].sort((a, b) => HOLD_KINDS.indexOf(a.kind) - HOLD_KINDS.indexOf(b.kind));
}
