import type { Digest } from '../model/digest.ts';
import type { Hold } from '../model/hold.ts';
import type { ClusterName, RunId, StepId } from '../model/ids.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { Acceptance } from './acceptances.ts';
import type { JournalEntry, RecordedError, RequestVerb, TakeOverRecord } from './journal-entries.ts';
import { applyToStep, newStep, type StepEntry, type StepRecord, withOtherInput } from './step-record.ts';

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
  /** `release`: puts back what was put aside, runs no step and reads no inbox. */
  readonly purpose: 'run' | 'release';
}

/** Something that a person took into account, and when. */
export interface AcceptanceRecord extends Acceptance {
  readonly by: string;
  readonly at: string;
}

/** What became of an entry in the run's inbox. */
export interface RequestRecord {
  readonly outcome: 'accepted' | 'rejected';
  readonly reason?: string;
  readonly verb?: RequestVerb;
  readonly step?: StepId;
  readonly by?: string;
  readonly at: string;
}

/** A plan, runbook or commit that was taken over by a resume. */
export interface ChangeRecord {
  /** Number of the file with what is fixed since: `run-<number>.json`. */
  readonly number: number;
  /** Digest of what was fixed before. */
  readonly before: Digest;
  /** Digest of what is fixed since. */
  readonly frozen: Digest;
  readonly by: string;
  readonly at: string;
  /** What differs, for people. */
  readonly changes: readonly string[];
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
  /** What was taken over since, oldest first. */
  readonly changes: readonly ChangeRecord[];
  readonly end?: { readonly state: RunEndState; readonly at: string; readonly error?: RecordedError };
  readonly supersededBy?: RunId;
  readonly owners: readonly OwnerRecord[];
  /** A take-over from an owner that might still live, and which process wrote it; until its wait is over. */
  readonly takeOver?: TakeOverRecord & { readonly by: ProcessOwner; readonly at: string };
  /** Time of the last line. */
  readonly lastAt?: string;
  readonly steps: ReadonlyMap<StepId, StepRecord>;
  readonly holds: ReadonlyMap<string, HoldRecord>;
  /** What persons took into account, in that order. */
  readonly accepted: readonly AcceptanceRecord[];
  /** By the id of the entry. */
  readonly requests: ReadonlyMap<string, RequestRecord>;
}

/** The state before the first line. */
const NEW_RUN_STATE = (): RunState => ({ status: 'new', changes: [], owners: [], steps: new Map(), holds: new Map(), accepted: [], requests: new Map() });

/** What is put aside and not released, in the order in which it was. */
export function openHolds(state: RunState): readonly Hold[] {
  return [...state.holds.values()].filter((record) => record.releasedAt === undefined).map((record) => record.hold);
}

/** State of a run after all its entries. */
export function foldJournal(entries: readonly JournalEntry[]): RunState {
  return entries.reduce(applyEntry, NEW_RUN_STATE());
}

/**
 * State after one more entry; every consumer of a journal uses this one. It takes the state before over, which must not be used again: copying the steps for
 * each line would make a run of 10,000 steps quadratic.
 */
export function applyEntry(before: RunState, entry: JournalEntry): RunState {
  const state = { ...before, lastAt: entry.at };
  if (isStepEntry(entry)) {
    const step = state.steps.get(entry.step) ?? newStep(entry.step);
    (state.steps as Map<StepId, StepRecord>).set(entry.step, applyToStep(step, entry));
    return withRequest(state, entry);
  }
  switch (entry.type) {
    case 'run-started':
      return { ...state, status: 'running', run: entry.run, cluster: entry.cluster, frozen: entry.frozen, startedAt: entry.at };
    case 'owner':
      return newOwner(state, entry);
    case 'changed':
      return changed(state, entry);
    case 'held':
      return withHold(state, entry.hold.id, { hold: entry.hold, step: entry.step, heldAt: entry.at });
    case 'released':
      return released(state, entry);
    case 'ended':
      return { ...state, status: 'ended', end: { state: entry.state, at: entry.at, ...(entry.error === undefined ? {} : { error: entry.error }) } };
    case 'superseded':
      return { ...state, status: 'superseded', supersededBy: entry.by, ...takenOver(entry) };
    case 'accepted':
      return { ...state, accepted: [...state.accepted, { what: entry.what, subject: entry.subject, by: entry.by, at: entry.at }] };
    case 'request':
      return requested(state, entry);
    case 'stood-back':
      return withoutTakeOver(state);
    case 'alive':
    case 'stalled':
    case 'repair':
      break;
  }
  return state;
}

/** Entries that change one step's record; a hold and a request belong to the run, though they name a step. */
function isStepEntry(entry: JournalEntry): entry is StepEntry {
  return 'step' in entry && entry.type !== 'held' && entry.type !== 'request';
}

/** A new owner that runs steps trusts no state, but keeps what was done, decided and put aside. One that only releases holds changes no step. */
function newOwner(state: RunState, entry: Extract<JournalEntry, { type: 'owner' }>): RunState {
  const { end: _end, ...before } = state;
  const rest = { ...before, ...takenOver(entry) };
  const owner: OwnerRecord = { nonce: entry.nonce, owner: entry.owner, tool: entry.tool, claim: entry.claim, at: entry.at, purpose: entry.purpose };
  if (entry.purpose === 'release') return { ...rest, status: 'running', owners: [...state.owners, owner] };
  const steps = new Map([...state.steps].map(([id, { reason: _reason, error: _error, ...step }]) => [id, { ...step, state: 'pending' as const, tries: 0 }]));
  return { ...rest, status: 'running', owners: [...state.owners, owner], steps };
}

function changed(state: RunState, { number, before, frozen, by, at, changes, touched }: Extract<JournalEntry, { type: 'changed' }>): RunState {
  const steps = new Map(state.steps);
  for (const id of touched) {
    const step = steps.get(id);
    if (step !== undefined) steps.set(id, withOtherInput(step));
  }
  return { ...state, steps, changes: [...state.changes, { number, before, frozen, by, at, changes }] };
}

function takenOver({ takeOver, owner, at }: Extract<JournalEntry, { type: 'owner' | 'superseded' }>): Pick<RunState, 'takeOver'> {
  return takeOver === undefined ? {} : { takeOver: { ...takeOver, by: owner, at } };
}

function withoutTakeOver({ takeOver: _over, ...state }: RunState): RunState {
  return state;
}

function withHold(state: RunState, id: string, record: HoldRecord): RunState {
  return { ...state, holds: new Map(state.holds).set(id, record) };
}

function released(state: RunState, entry: Extract<JournalEntry, { type: 'released' }>): RunState {
  const record = state.holds.get(entry.hold);
  return record === undefined ? state : withHold(state, entry.hold, { ...record, releasedAt: entry.at, releasedBy: entry.by });
}

/** A decision that came by the inbox settles its entry, also when the owner died before it could say so in a line of its own. */
function withRequest(state: RunState, entry: StepEntry): RunState {
  if (!('request' in entry) || entry.request === undefined) return state;
  const record: RequestRecord = { outcome: 'accepted', step: entry.step, by: entry.by, at: entry.at };
  return { ...state, requests: new Map(state.requests).set(entry.request, record) };
}

function requested(state: RunState, entry: Extract<JournalEntry, { type: 'request' }>): RunState {
  const { type: _type, seq: _seq, prev: _prev, request, ...record } = entry;
  return { ...state, requests: new Map(state.requests).set(request, record) };
}
