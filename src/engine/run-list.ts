import { isRunId, type RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { type JournalEntry, parseEntry } from './journal-entries.ts';
import { type FrozenRun, readFrozen, readRun } from './run-files.ts';
import type { RunEndState } from './run-state.ts';

/** How a run ended, by the last line of its journal. */
export interface RunEnding {
  readonly status: 'ended' | 'superseded';
  readonly end?: RunEndState;
  readonly supersededBy?: RunId;
  readonly at: string;
  /** Holds that were open. */
  readonly held: number;
}

/** A run at a glance: what it was started with, and its ending when its last line tells it. */
export interface RunGlance {
  readonly frozen: FrozenRun;
  /** Absent for a run that has not ended or was written before 2026-11-29: only its whole journal tells how it stands. */
  readonly ending?: RunEnding;
}

/**
 * Looks at every run in a store, oldest first, optionally of one cluster, at a cost that does not depend on how long the runs were: no journal is read whole, so
 * none is verified. Throws `RUN_CHANGED` for a run file that is none.
 */
export async function glanceAtRuns(store: RunStore, cluster?: string): Promise<readonly RunGlance[]> {
  // A run's id begins with the name of its cluster.
  const ids = (await store.listRuns()).filter(isRunId).filter((id) => cluster === undefined || id.startsWith(`${cluster}-`));
  const glances = await Promise.all(ids.map(async (id) => await glanceAt(store, id)));
  return glances
    .filter((glance) => glance !== undefined)
    .filter(({ frozen }) => cluster === undefined || frozen.cluster === cluster)
    .sort((a, b) => (a.frozen.startedAt < b.frozen.startedAt ? -1 : a.frozen.startedAt > b.frozen.startedAt ? 1 : 0));
}

/** `undefined` for a run whose file was never written. */
async function glanceAt(store: RunStore, id: RunId): Promise<RunGlance | undefined> {
  const [frozen, last] = await Promise.all([readFrozen(store, id), store.readLogEnd(id)]);
  if (frozen === undefined) return undefined;
  const ending = last === undefined ? undefined : endingIn(last);
  return { frozen, ...(ending === undefined ? {} : { ending }) };
}

/** Ids of all runs that ever began, oldest first. */
export async function begunRuns(store: RunStore): Promise<readonly RunId[]> {
  const glances = await glanceAtRuns(store);
  const begun = await Promise.all(glances.map(async ({ frozen, ending }) => ending !== undefined || (await readRun(store, frozen.id)).state.status !== 'new'));
  return glances.filter((_, index) => begun[index] === true).map(({ frozen }) => frozen.id);
}

function endingIn(line: string): RunEnding | undefined {
  const entry = entryOf(line);
  if (entry === undefined || (entry.type !== 'ended' && entry.type !== 'superseded') || entry.held === undefined) return undefined;
  const { at, held } = entry;
  return entry.type === 'ended' ? { status: 'ended', end: entry.state, at, held } : { status: 'superseded', supersededBy: entry.by, at, held };
}

function entryOf(line: string): JournalEntry | undefined {
  try {
    const parsed = parseEntry(JSON.parse(line));
    return parsed.ok ? parsed.entry : undefined;
  } catch {
    return undefined;
  }
}
