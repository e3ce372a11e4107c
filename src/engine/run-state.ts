import type { Digest } from '../model/digest.ts';
import type { Hold } from '../model/hold.ts';
import type { ClusterName, RunId, StepId } from '../model/ids.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { JournalEntry, RecordedError } from './journal-entries.ts';
import { applyToStep, newStep, type StepEntry, type StepRecord } from './step-record.ts';

/** Something put aside by a step, and whether it still is. */
export interface HoldRecord {
  readonly hold: Hold;
  readonly step: StepId;
  readonly heldAt: string;
  readonly releasedAt?: string;
  readonly releasedBy?: string;
}

export interface OwnerRecord {
  readonly nonce: string;
  readonly owner: ProcessOwner;
  readonly tool: string;
  readonly claim: number;
  readonly at: string;
}

export type RunEndState = 'succeeded' | 'failed' | 'cancelled' | 'waiting';

/** All that a journal says, as a value. */
export interface RunState {
  /** `new`: no line yet. `running` also when the owner died: only a look at its process can tell. */
  readonly status: 'new' | 'running' | 'ended' | 'superseded';
  readonly run?: RunId;
  readonly cluster?: ClusterName;
  readonly startedAt?: string;
  /** Digest of `run.json` when the run started. */
  readonly frozen?: Digest;
  readonly end?: { readonly state: RunEndState; readonly at: string; readonly error?: RecordedError };
  readonly supersededBy?: RunId;
  readonly owners: readonly OwnerRecord[];
  /** Time of the last line. */
  readonly lastAt?: string;
  readonly steps: ReadonlyMap<StepId, StepRecord>;
  readonly holds: ReadonlyMap<string, HoldRecord>;
}

/** The state before the first line. */
const NEW_RUN_STATE: RunState = { status: 'new', owners: [], steps: new Map(), holds: new Map() };

/** What is put aside and not released, in the order in which it was. */
export function openHolds(state: RunState): readonly Hold[] {
  return [...state.holds.values()].filter((record) => record.releasedAt === undefined).map((record) => record.hold);
}

/** State of a run after all its entries. */
export function foldJournal(entries: readonly JournalEntry[]): RunState {
  return entries.reduce(applyEntry, NEW_RUN_STATE);
}

/** State after one more entry. Pure; every consumer of a journal uses this one. */
export function applyEntry(before: RunState, entry: JournalEntry): RunState {
  const state = { ...before, lastAt: entry.at };
  if (isStepEntry(entry)) {
    const step = state.steps.get(entry.step) ?? newStep(entry.step);
    return { ...state, steps: new Map(state.steps).set(entry.step, applyToStep(step, entry)) };
  }
  switch (entry.type) {
    case 'run-started':
      return { ...state, status: 'running', run: entry.run, cluster: entry.cluster, frozen: entry.frozen, startedAt: entry.at };
    case 'owner':
      return newOwner(state, entry);
    case 'held':
      return withHold(state, entry.hold.id, { hold: entry.hold, step: entry.step, heldAt: entry.at });
    case 'released':
      return released(state, entry);
    case 'ended':
      return { ...state, status: 'ended', end: { state: entry.state, at: entry.at, ...(entry.error === undefined ? {} : { error: entry.error }) } };
    case 'superseded':
      return { ...state, status: 'superseded', supersededBy: entry.by };
    case 'alive':
    case 'repair':
      break;
  }
  return state;
}

/** Entries that change one step's record; a hold belongs to the run, though a step takes it. */
function isStepEntry(entry: JournalEntry): entry is StepEntry {
  return 'step' in entry && entry.type !== 'held';
}

/** A new owner that runs steps trusts no state, but keeps what was done, decided and put aside. One that only releases holds changes no step. */
function newOwner(state: RunState, entry: Extract<JournalEntry, { type: 'owner' }>): RunState {
  const { end: _end, ...rest } = state;
  const owner: OwnerRecord = { nonce: entry.nonce, owner: entry.owner, tool: entry.tool, claim: entry.claim, at: entry.at };
  if (entry.purpose === 'release') return { ...rest, status: 'running', owners: [...state.owners, owner] };
  const steps = new Map([...state.steps].map(([id, { reason: _reason, error: _error, ...step }]) => [id, { ...step, state: 'pending' as const, tries: 0 }]));
  return { ...rest, status: 'running', owners: [...state.owners, owner], steps };
}

function withHold(state: RunState, id: string, record: HoldRecord): RunState {
  return { ...state, holds: new Map(state.holds).set(id, record) };
}

function released(state: RunState, entry: Extract<JournalEntry, { type: 'released' }>): RunState {
  const record = state.holds.get(entry.hold);
  return record === undefined ? state : withHold(state, entry.hold, { ...record, releasedAt: entry.at, releasedBy: entry.by });
}
