import type { StepState } from '../engine/events.ts';
import { readRun } from '../engine/run-files.ts';
import { type OwnerRecord, openHolds, type RunState } from '../engine/run-state.ts';
import { newStep } from '../engine/step-record.ts';
import type { Hold } from '../model/hold.ts';
import type { RunId } from '../model/ids.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { RunStore } from '../ports/run-store.ts';

/** What there is to know about a run without asking anybody but its journal and the process table. */
export interface RunStatus {
  readonly run: RunId;
  readonly cluster: string;
  readonly runbook: string;
  readonly mode: string;
  readonly location: string;
  /** `running`: its process lives. `interrupted`: its process is gone and it has not ended; resume it. */
  readonly state: 'running' | 'interrupted' | 'succeeded' | 'failed' | 'cancelled' | 'waiting' | 'superseded';
  readonly startedAt: string;
  /** Time of the last line in the journal. */
  readonly lastAt?: string;
  readonly reason?: string;
  readonly owner?: { readonly host: string; readonly pid: number; readonly user: string; readonly since: string };
  readonly resumes: number;
  readonly steps: readonly StepStatus[];
  readonly holds: readonly Hold[];
}

export interface StepStatus {
  readonly id: string;
  readonly summary: string;
  readonly state: StepState;
  readonly reason?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
}

export interface StatusTools {
  readonly store: RunStore;
  /** Whether a process of this host and boot still lives; true for other hosts, where it cannot be told. */
  readonly isAlive: (owner: ProcessOwner) => Promise<boolean>;
}

/** Reads the status of a run. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function runStatus(run: RunId, { store, isAlive }: StatusTools): Promise<RunStatus> {
  const { frozen, state } = await readRun(store, run);
  const owner = state.owners.at(-1);
  return {
    run,
    cluster: frozen.cluster,
    runbook: frozen.graph.name,
    mode: frozen.mode,
    location: store.location,
    state: await stateOf(state, owner, isAlive),
    startedAt: frozen.startedAt,
    ...(state.lastAt === undefined ? {} : { lastAt: state.lastAt }),
    ...(state.end?.error === undefined ? {} : { reason: `${state.end.error.code}: ${state.end.error.message}` }),
    ...(owner === undefined ? {} : { owner: { host: owner.owner.host, pid: owner.owner.pid, user: owner.owner.user, since: owner.at } }),
    resumes: Math.max(0, state.owners.length - 1),
    steps: frozen.graph.nodes.map(({ id, summary }) => {
      const { state: stepState, reason, startedAt, endedAt } = state.steps.get(id) ?? newStep(id);
      return { id, summary, state: stepState, ...present({ reason, startedAt, endedAt }) };
    }),
    holds: openHolds(state),
  };
}

async function stateOf(state: RunState, owner: OwnerRecord | undefined, isAlive: StatusTools['isAlive']): Promise<RunStatus['state']> {
  if (state.status === 'superseded') return 'superseded';
  if (state.end !== undefined) return state.end.state;
  return owner !== undefined && (await isAlive(owner.owner)) ? 'running' : 'interrupted';
}

/** The fields that have a value. */
function present<T extends Readonly<Record<string, string | undefined>>>(fields: T): { readonly [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { readonly [K in keyof T]?: string };
}
