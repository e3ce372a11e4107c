import type { StepState } from '../engine/events.ts';
import { type LifeTools, lifeOf } from '../engine/owner-life.ts';
import { latestRun, readRun } from '../engine/run-files.ts';
import { type ChangeRecord, openHolds } from '../engine/run-state.ts';
import { newStep } from '../engine/step-record.ts';
import type { Hold } from '../model/hold.ts';
import type { RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { type Standing, standingOf } from './list-runs.ts';
import { type NextCommand, nextCommands } from './next-commands.ts';

/** What there is to know about a run without asking anybody but its journal and the process table. */
export interface RunStatus {
  readonly run: RunId;
  readonly cluster: string;
  readonly runbook: string;
  readonly mode: string;
  readonly location: string;
  readonly state: Standing;
  readonly startedAt: string;
  /** Time of the last line in the journal. */
  readonly lastAt?: string;
  readonly reason?: string;
  readonly owner?: { readonly host: string; readonly pid: number; readonly user: string; readonly since: string };
  readonly resumes: number;
  /** Plans, runbooks and commits that were taken over since it started, oldest first. */
  readonly changes: readonly ChangeRecord[];
  readonly steps: readonly StepStatus[];
  readonly holds: readonly Hold[];
  /** What a person can do about it now, the most urgent first. */
  readonly next: readonly NextCommand[];
}

export interface StepStatus {
  readonly id: string;
  readonly summary: string;
  readonly state: StepState;
  readonly reason?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
}

export interface StatusTools extends LifeTools {
  readonly store: RunStore;
}

/** Reads the status of a run. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function runStatus(run: RunId, tools: StatusTools): Promise<RunStatus> {
  const { store } = tools;
  const stored = await readRun(store, run);
  const { frozen, state } = stored;
  const life = await lifeOf(state, tools);
  const latest = await latestRun(store, frozen.cluster);
  const owner = state.owners.at(-1);
  return {
    run,
    cluster: frozen.cluster,
    runbook: frozen.graph.name,
    mode: frozen.mode,
    location: store.location,
    state: standingOf(state, life),
    startedAt: frozen.startedAt,
    ...(state.lastAt === undefined ? {} : { lastAt: state.lastAt }),
    ...(state.end?.error === undefined ? {} : { reason: `${state.end.error.code}: ${state.end.error.message}` }),
    ...(owner === undefined ? {} : { owner: { host: owner.owner.host, pid: owner.owner.pid, user: owner.owner.user, since: owner.at } }),
    resumes: Math.max(0, state.owners.filter(({ purpose }) => purpose === 'run').length - 1),
    changes: state.changes,
    steps: frozen.graph.nodes.map(({ id, summary }) => {
      const { state: stepState, reason, startedAt, endedAt } = state.steps.get(id) ?? newStep(id);
      return { id, summary, state: stepState, ...present({ reason, startedAt, endedAt }) };
    }),
    holds: openHolds(state),
    next: nextCommands({ stored, life, ...(latest === run ? {} : { followedBy: latest }) }),
  };
}

/** The fields that have a value. */
function present<T extends Readonly<Record<string, string | undefined>>>(fields: T): { readonly [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { readonly [K in keyof T]?: string };
}
