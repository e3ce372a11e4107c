import type { RunEvent, StepState } from '../engine/events.ts';
import type { Gate, StepNode } from '../engine/graph-types.ts';
import type { JournalEntry } from '../engine/journal-entries.ts';
import { formatDuration } from '../model/duration.ts';
import type { Hold } from '../model/hold.ts';
import type { RunId, StepId } from '../model/ids.ts';

type EventBody = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at' | 'run'> : never) : never;
type EntryType = JournalEntry['type'];
type EntryOf<T extends EntryType> = Extract<JournalEntry, { type: T }>;

/** What later lines lean on. */
interface Told {
  /** When each step under way began. */
  readonly begun: Map<StepId, number>;
  readonly holds: Map<string, Hold>;
  readonly gates: Map<StepId, Gate>;
  /** When the present owner began. */
  startedMs: number;
  /** Owners so far that run steps. */
  owners: number;
}

type Teller<T extends EntryType> = (entry: EntryOf<T>, told: Told, nodes: readonly StepNode[]) => readonly EventBody[];

/**
 * Says in the words of a living run what its journal tells: the same steps end in the same states for the same reasons, with the same effects, retries,
 * decisions and holds. What a run never journals is missing: progress within a step, and a turn that has come but not begun. Give it entries in order,
 * from the line of an owner on.
 */
export class JournalEvents {
  readonly #run: RunId;
  readonly #told: Told = { begun: new Map(), holds: new Map(), gates: new Map(), startedMs: 0, owners: 0 };

  constructor(run: RunId) {
    this.#run = run;
  }

  /** The events of one more line. `nodes` are the steps of the run as they are fixed at that time. */
  eventsOf(entry: JournalEntry, nodes: readonly StepNode[]): readonly RunEvent[] {
    const tell = TELLERS[entry.type] as Teller<EntryType>;
    return tell(entry, this.#told, nodes).map((body) => ({ ...body, at: entry.at, run: this.#run }));
  }

  /** Notes a line that is not told, as far as later ones lean on it. */
  skip(entry: JournalEntry): void {
    this.eventsOf(entry, []);
  }
}

/** Every type of line has its teller, so that none is left out by being forgotten. */
const TELLERS: { readonly [T in EntryType]: Teller<T> } = {
  'run-started': () => [],
  owner: ({ owner, purpose, at, takeOver }, told, nodes) => {
    const who = `process ${owner.pid} of ${owner.user} on host '${owner.host}'`;
    if (purpose === 'release') return [{ type: 'journal', message: `${who} puts back what the run has put aside` }];
    told.begun.clear();
    told.startedMs = Date.parse(at);
    told.owners += 1;
    const steps = nodes.map(({ id, summary, phase }) => ({ id, summary, phase }));
    return [
      { type: 'run-started', resumed: told.owners > 1, steps },
      {
        type: 'journal',
        message: `owned by ${who}${takeOver === undefined ? '' : `, who took it from process ${takeOver.from.pid} on host '${takeOver.from.host}': ${takeOver.reason}`}`,
      },
    ];
  },
  alive: () => [],
  'stood-back': ({ forMs }) => [{ type: 'journal', message: `waited ${formatDuration(forMs)} for the owner before` }],
  stalled: ({ forMs }) => [{ type: 'store', state: 'back', forMs }],
  repair: ({ cutBytes, segment }) => [{ type: 'journal', message: `the last line was unfinished (${cutBytes} bytes, segment ${segment}) and has been cut` }],
  changed: ({ changes }) => changes.map((change) => ({ type: 'journal', message: `changed: ${change}` })),
  'step-observed': ({ step, at }, told) => running(told, step, at),
  'step-started': ({ step, at }, told) => running(told, step, at),
  'step-retry': ({ step, try: attempt, delayMs, error: { code, message } }) => [{ type: 'step-retry', step, attempt, delayMs, error: { code, message } }],
  'step-succeeded': (entry, told) => [{ ...ended(told, entry, 'succeeded'), ...reasonOf(entry), evidence: entry.evidence }],
  'step-failed': (entry, told) => [{ ...ended(told, entry, 'failed'), reason: entry.error.message }],
  'step-cancelled': (entry, told) => [{ ...ended(told, entry, 'cancelled'), reason: entry.reason }],
  'step-skipped': (entry, told) => [{ ...ended(told, entry, 'skipped'), reason: entry.reason }],
  'step-blocked': (entry, told) => [{ ...ended(told, entry, 'blocked'), reason: entry.reason }],
  'step-waiting': (entry, told) => [{ ...ended(told, entry, 'waiting'), reason: entry.reason }],
  'unknown-answered': ({ what, answer, by }) => [{ type: 'journal', message: `${by} says of ${what}: ${answer}` }],
  'effect-intent': ({ step, name, key, undone }) => [{ type: 'effect', step, name, key, state: undone === undefined ? 'started' : 'found-undone' }],
  'effect-done': ({ step, name, key, found }) => [{ type: 'effect', step, name, key, state: found ? 'found-done' : 'done' }],
  'effect-failed': ({ step, name, key }) => [{ type: 'effect', step, name, key, state: 'failed' }],
  'effect-unstarted': () => [],
  'gate-asked': ({ step, gate }, told) => {
    told.gates.set(step, gate);
    return [
      { type: 'gate', step, gate, state: 'asked' },
      { type: 'step-state', step, state: 'waiting', reason: gate.reason },
    ];
  },
  'gate-decided': (entry, told) => {
    const { step, decision, open = 0 } = entry;
    const gate = told.gates.get(step);
    if (gate === undefined) return [];
    const gateEvent: EventBody = { type: 'gate', step, gate, state: decision === 'declined' ? 'declined' : 'approved', by: personOf(entry) };
    return decision === 'declined' || open > 0 ? [gateEvent] : [gateEvent, { type: 'step-state', step, state: 'ready' }];
  },
  'skip-decided': ({ step, by, reason }) => [{ type: 'journal', message: `${by} leaves out step '${step}': ${reason}` }],
  'retry-decided': ({ step, by }) => [{ type: 'journal', message: `${by} wants step '${step}' tried again` }],
  accepted: ({ what, subject, by }) => [{ type: 'journal', message: `${by} accepts that ${subject} is ${what}` }],
  request: ({ request: id, outcome, reason, verb, step, by }) => {
    const about = { ...(verb === undefined ? {} : { verb }), ...(step === undefined ? {} : { step }), ...(by === undefined ? {} : { by }) };
    return [{ type: 'request', request: { id, ...about }, outcome, ...(reason === undefined ? {} : { reason }) }];
  },
  held: ({ hold }, told) => {
    told.holds.set(hold.id, hold);
    return [{ type: 'hold', hold, state: 'held' }];
  },
  released: ({ hold: id }, told) => {
    const hold = told.holds.get(id);
    return hold === undefined ? [] : [{ type: 'hold', hold, state: 'released' }];
  },
  ended: ({ state, at }, told) => [{ type: 'run-ended', state, elapsedMs: Math.max(0, Date.parse(at) - told.startedMs) }],
  superseded: ({ by }) => [{ type: 'journal', message: `superseded by run ${by}` }],
};

function running(told: Told, step: StepId, at: string): readonly EventBody[] {
  if (told.begun.has(step)) return [];
  told.begun.set(step, Date.parse(at));
  return [{ type: 'step-state', step, state: 'running' }];
}

function ended(
  told: Told,
  { step, at }: { readonly step: StepId; readonly at: string },
  state: StepState,
): Extract<EventBody, { readonly type: 'step-state' }> {
  const begun = told.begun.get(step);
  told.begun.delete(step);
  return { type: 'step-state', step, state, ...(begun === undefined ? {} : { elapsedMs: Math.max(0, Date.parse(at) - begun) }) };
}

function reasonOf({ attested, found }: EntryOf<'step-succeeded'>): { readonly reason?: string } {
  if (attested) return { reason: 'attested' };
  return found ? { reason: 'found done' } : {};
}

/** Who decided, as the owner's own view says it. */
function personOf({ by, how, signed }: EntryOf<'gate-decided'>): string {
  if (how !== 'inbox') return by;
  return signed === undefined ? `${by} (unverified)` : `${by} (signed)`;
}
