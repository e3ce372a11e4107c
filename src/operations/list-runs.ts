import { type LifeTools, lifeOf, type OwnerLife } from '../engine/owner-life.ts';
import { type FrozenRun, latestRun, readRun, type StoredRun } from '../engine/run-files.ts';
import { glanceAtRuns, type RunEnding, type RunGlance } from '../engine/run-list.ts';
import { openHolds, type RunEndState, type RunState } from '../engine/run-state.ts';
import { isDrError } from '../errors/dr-error.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { isActive, type NextCommand, nextCommands, overCommand } from './next-commands.ts';

/** All runs in a store, oldest first, and where the store is. */
export interface RunList {
  readonly location: string;
  readonly runs: readonly ListedRun[];
}

/** How a run stands, as far as it can be told: by its journal, and by the process table or the age of the last line. */
export type Standing = 'running' | 'releasing' | 'interrupted' | 'silent' | 'succeeded' | 'failed' | 'cancelled' | 'waiting' | 'superseded';

/** One run of a list. */
export interface ListedRun {
  readonly id: RunId;
  readonly cluster: ClusterName;
  readonly startedAt: string;
  readonly runbook: string;
  /** `running` also when its process is gone. */
  readonly status: RunState['status'];
  readonly end?: RunEndState;
  readonly standing: Standing;
  /** A person has to do something about it, or could still change its course. */
  readonly active: boolean;
  /** Time of the last line in the journal. */
  readonly lastAt: string;
  readonly openHolds: number;
  readonly next: readonly NextCommand[];
}

/**
 * Lists runs, optionally of one cluster. Runs that are over and hold nothing are listed by their last line, which nobody verifies here; all others are read
 * whole. Throws `JOURNAL_BROKEN` and `RUN_CHANGED` for one of these that was tampered with.
 */
export async function listAllRuns(store: RunStore, tools: LifeTools, cluster?: ClusterName): Promise<RunList> {
  const glances = await glanceAtRuns(store, cluster);
  const clusters = [...new Set(glances.map(({ frozen }) => frozen.cluster))];
  const latest = new Map(await Promise.all(clusters.map(async (name) => [name, await lastRunOf(store, name)] as const)));
  const runs = await Promise.all(
    glances.map(async (glance) => {
      const last = latest.get(glance.frozen.cluster);
      const followedBy = last === undefined || last === glance.frozen.id ? undefined : last;
      return over(glance, followedBy) ?? (await read(store, tools, { run: glance.frozen.id, followedBy }));
    }),
  );
  return { location: store.location, runs: runs.filter((run) => run !== undefined) };
}

/** A run file without a claim is that of a run which never began. */
async function lastRunOf(store: RunStore, cluster: ClusterName): Promise<RunId | undefined> {
  return await latestRun(store, cluster).catch((error: unknown) => {
    if (isDrError(error, 'RUN_NOT_FOUND')) return undefined;
    throw error;
  });
}

/** A run that nobody has to do anything about, by its last line; `undefined` for any other. */
function over({ frozen, ending }: RunGlance, followedBy: RunId | undefined): ListedRun | undefined {
  if (ending === undefined || ending.held > 0) return undefined;
  const standing = endStanding(ending);
  if (followedBy === undefined && standing !== 'superseded' && standing !== 'succeeded') return undefined;
  const { status, end, at, supersededBy } = ending;
  const summary = summaryOf(frozen, { status, end });
  return { ...summary, standing, active: false, lastAt: at, openHolds: 0, next: [overCommand(frozen.id, followedBy ?? supersededBy)] };
}

function endStanding({ end }: RunEnding): Standing {
  return end ?? 'superseded';
}

function summaryOf(
  { id, cluster, startedAt, graph }: FrozenRun,
  { status, end }: { readonly status: RunState['status']; readonly end: RunEndState | undefined },
) {
  return { id, cluster, startedAt, runbook: graph.name, status, ...(end === undefined ? {} : { end }) };
}

interface Reading {
  readonly run: RunId;
  readonly followedBy: RunId | undefined;
}

/** `undefined` for a run that never began. */
async function read(store: RunStore, tools: LifeTools, { run, followedBy }: Reading): Promise<ListedRun | undefined> {
  const stored = await readRun(store, run);
  return stored.state.status === 'new' ? undefined : listed(stored, { life: await lifeOf(stored.state, tools), followedBy });
}

function listed(stored: StoredRun, { life, followedBy }: { readonly life: OwnerLife; readonly followedBy: RunId | undefined }): ListedRun {
  const { frozen, state } = stored;
  const at = { stored, life, ...(followedBy === undefined ? {} : { followedBy }) };
  return {
    ...summaryOf(frozen, { status: state.status, end: state.end?.state }),
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
