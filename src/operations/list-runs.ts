import { type LifeTools, lifeOf, type OwnerLife } from '../engine/owner-life.ts';
import { latestRun, type RunSummary, readRuns, type StoredRun, summarise } from '../engine/run-files.ts';
import { openHolds, type RunState } from '../engine/run-state.ts';
import type { ClusterName } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { isActive, type NextCommand, nextCommands } from './next-commands.ts';

/** All runs in a store, oldest first, and where the store is. */
export interface RunList {
  readonly location: string;
  readonly runs: readonly ListedRun[];
}

/** How a run stands, as far as it can be told: by its journal, and by the process table or the age of the last line. */
export type Standing = 'running' | 'releasing' | 'interrupted' | 'silent' | 'succeeded' | 'failed' | 'cancelled' | 'waiting' | 'superseded';

/** One run of a list. */
export interface ListedRun extends RunSummary {
  readonly standing: Standing;
  /** A person has to do something about it, or could still change its course. */
  readonly active: boolean;
  /** Time of the last line in the journal. */
  readonly lastAt: string;
  readonly openHolds: number;
  readonly next: readonly NextCommand[];
}

/** Lists runs, optionally of one cluster. Throws `JOURNAL_BROKEN` and `RUN_CHANGED` for a run that was tampered with. */
export async function listAllRuns(store: RunStore, tools: LifeTools, cluster?: ClusterName): Promise<RunList> {
  const stored = await readRuns(store, cluster);
  const clusters = [...new Set(stored.map(({ frozen }) => frozen.cluster))];
  const latest = new Map(await Promise.all(clusters.map(async (name) => [name, await latestRun(store, name)] as const)));
  const runs = await Promise.all(
    stored.map(async (run) => await listed(run, { life: await lifeOf(run.state, tools), latest: latest.get(run.frozen.cluster) })),
  );
  return { location: store.location, runs };
}

async function listed(stored: StoredRun, { life, latest }: { readonly life: OwnerLife; readonly latest: string | undefined }): Promise<ListedRun> {
  const { frozen, state } = stored;
  const at = { stored, life, ...(latest === undefined || latest === frozen.id ? {} : { followedBy: latest }) };
  return {
    ...summarise(frozen, state),
    standing: standingOf(state, life),
    active: isActive(at),
    lastAt: state.lastAt ?? frozen.startedAt,
    openHolds: openHolds(state).length,
    next: nextCommands(at),
  };
}

/** How a run stands. `interrupted`: its process is gone and it has not ended. `silent`: a process elsewhere has not said for long that it lives. */
export function standingOf(state: RunState, life: OwnerLife): Standing {
  if (state.status === 'superseded') return 'superseded';
  if (state.end !== undefined) return state.end.state;
  if (life === 'living') return state.owners.at(-1)?.purpose === 'release' ? 'releasing' : 'running';
  return life === 'silent' ? 'silent' : 'interrupted';
}
