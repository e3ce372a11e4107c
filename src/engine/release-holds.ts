import { DrError } from '../errors/dr-error.ts';
import { HOLD_KINDS, type Hold } from '../model/hold.ts';
import type { RunId } from '../model/ids.ts';
import { takeCluster } from './claims.ts';
import type { Journal } from './journal.ts';
import { ownJournal } from './own-run.ts';
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

export interface ReleaseResult {
  readonly released: readonly Hold[];
  readonly remaining: readonly Hold[];
}

/**
 * Releases holds of a run that no longer runs, one after the other in the fixed order of their kinds, each journalled once it is put back. Stops at the first
 * that fails and throws its error; those before it stay released. Throws `USAGE` for an id that is not held, and what `resumeRun` throws.
 */
export async function releaseHolds(options: ReleaseOptions): Promise<ReleaseResult> {
  const stored = await readRun(options.store, options.run);
  const wanted = chooseHolds(stored.state, options);
  if (wanted.length === 0) return { released: [], remaining: openHolds(stored.state) };
  const { frozen } = stored;
  const taken = await takeCluster({ env: options, cluster: frozen.cluster, run: frozen.id });
  const journal = await ownJournal({ env: options, frozen, taken, frozenDigest: stored.digest }, 'release');
  const before = taken.state.end;
  const alive = new AbortController();
  const beating = journal.stayAlive(alive.signal);
  try {
    const released = await releaseEach(options, journal, wanted);
    return { released, remaining: openHolds(journal.state) };
  } finally {
    alive.abort();
    await beating;
    // The run itself is as it was; one that had died without a final line gets one now.
    if (!journal.failed.aborted) await journal.append({ type: 'ended', ...(before === undefined ? { state: 'cancelled' } : { state: before.state, ...(before.error === undefined ? {} : { error: before.error }) }) });
    await journal.close();
  }
}

async function releaseEach(options: ReleaseOptions, journal: Journal, wanted: readonly Hold[]): Promise<readonly Hold[]> {
  const { owner, run, clock, signal } = options;
  for (const hold of wanted) {
    signal.throwIfAborted();
    await options.release(hold, signal);
    await journal.append({ type: 'released', hold: hold.id, by: owner.user });
    options.events({ type: 'hold', hold, state: 'released', run, at: new Date(clock.now()).toISOString() });
  }
  return wanted;
}

function chooseHolds(state: RunState, { only, run }: ReleaseOptions): readonly Hold[] {
  const held = openHolds(state);
  const missing = (only ?? []).filter((id) => !held.some((hold) => hold.id === id));
  if (missing.length > 0) {
    const list = held.map((hold) => hold.id).join(', ') || 'nothing';
    throw new DrError({ code: 'USAGE', message: `run '${run}' does not hold ${missing.map((id) => `'${id}'`).join(', ')} (it holds: ${list})`, suggestions: [`lattice-dr holds ${run}`] });
  }
  const chosen = only === undefined ? held : held.filter((hold) => only.includes(hold.id));
  return [...chosen].sort((a, b) => HOLD_KINDS.indexOf(a.kind) - HOLD_KINDS.indexOf(b.kind));
}
