import type { Digest } from '../model/digest.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { StepState } from './events.ts';
import type { Gate } from './graph-types.ts';
import type { EvidenceFile, JournalEntry, RecordedError, SignedRecord } from './journal-entries.ts';
import type { Attestation } from './step.ts';

/** What the journal says of one sub-effect. */
export interface EffectRecord {
  readonly name: string;
  readonly key: string;
  /** `intent`: begun, outcome unknown. `failed`: it threw, and may have happened nevertheless. */
  readonly state: 'intent' | 'done' | 'failed';
  /** ISO 8601; after it the effect's call had ended. */
  readonly deadline: string;
  readonly result?: JsonValue;
  /** An intent that was not the first: what was begun before it may have happened. */
  readonly again?: true;
}

/** A person's decision at a gate, bound to the digest of what was shown. */
export interface DecisionRecord {
  readonly decision: 'approved' | 'declined' | 'attested';
  readonly shown: Digest;
  readonly by: string;
  readonly at: string;
  /** `inbox`: from another process. */
  readonly how: 'terminal' | 'flag' | 'inbox';
  /** Why a person said no, if they have said it. */
  readonly text?: string;
  /** Present when it was signed and the signature verified; without it nothing proves who decided. */
  readonly signed?: SignedRecord;
}

/** The last question at a step's gate. It stands while the step is `waiting`. */
export interface QuestionRecord {
  readonly gate: Gate;
  /** What decisions are bound to. */
  readonly shown: Digest;
  /** The first of the planned changes. */
  readonly changes: readonly JsonValue[];
  /** How many more there are. */
  readonly omitted: number;
  readonly at: string;
}

/** That a person has left a step out of the run. */
export interface SkipRecord {
  readonly by: string;
  readonly at: string;
  readonly reason: string;
  /** It is a safety step: what it proves is not proven. */
  readonly override: boolean;
  readonly signed?: SignedRecord;
}

/** What the journal says of one step. */
export interface StepRecord {
  readonly id: StepId;
  /** State under the current or last owner; a new owner starts every step from `pending`. */
  readonly state: StepState;
  readonly reason?: string;
  /** First start and first success, ISO 8601: a later look that found it done does not move them. */
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly tries: number;
  /** A verified outcome is in the journal, under any owner, and nothing has been executed since. */
  readonly verified: boolean;
  /** Its input is another one than what is recorded of it was done with. */
  readonly changed?: true;
  readonly attested: boolean;
  readonly found: boolean;
  readonly outputs?: JsonObject;
  readonly evidence?: JsonObject;
  readonly logs: readonly EvidenceFile[];
  readonly error?: RecordedError;
  /** By `effectId`. */
  readonly effects: ReadonlyMap<string, EffectRecord>;
  readonly asked?: QuestionRecord;
  readonly decisions: readonly DecisionRecord[];
  /** Left out by a person, until a `retry-decided`. */
  readonly skip?: SkipRecord;
  readonly attestations: readonly Attestation[];
}

/** Key of an effect within its step. */
export function effectId(effect: { readonly name: string; readonly key: string }): string {
  return `${effect.name} ${effect.key}`;
}

/** A step of which the journal says nothing yet. */
export function newStep(id: StepId): StepRecord {
  return { id, state: 'pending', tries: 0, verified: false, attested: false, found: false, logs: [], effects: new Map(), decisions: [], attestations: [] };
}

/** An entry that is about one step. */
export type StepEntry = Exclude<
  JournalEntry,
  {
    type:
      | 'run-started'
      | 'owner'
      | 'accepted'
      | 'alive'
      | 'stood-back'
      | 'stalled'
      | 'repair'
      | 'request'
      | 'changed'
      | 'held'
      | 'released'
      | 'ended'
      | 'superseded';
  }
>;

/** What the journal says of a step after one more entry about it. Pure. */
export function applyToStep(step: StepRecord, entry: StepEntry): StepRecord {
  switch (entry.type) {
    case 'step-started':
      // Something is about to be done again, so an earlier proof no longer stands.
      return { ...step, state: 'running', tries: entry.try, verified: false, startedAt: step.startedAt ?? entry.at };
    case 'step-observed':
      return { ...step, state: 'running', evidence: entry.evidence, startedAt: step.startedAt ?? entry.at };
    case 'step-succeeded':
      return succeeded(step, entry);
    case 'step-failed':
      return { ...withLog(step, entry.log), state: 'failed', error: entry.error, reason: entry.error.message, endedAt: entry.at };
    case 'step-cancelled':
      return { ...withLog(step, entry.log), state: 'cancelled', reason: entry.reason, endedAt: entry.at };
    case 'step-waiting':
      return { ...withLog(step, entry.log), state: 'waiting', reason: entry.reason };
    case 'step-skipped':
      return { ...step, state: 'skipped', reason: entry.reason };
    case 'step-blocked':
      return { ...step, state: 'blocked', reason: entry.reason };
    case 'effect-intent':
    case 'effect-done':
    case 'effect-failed':
      return applyEffect(step, entry);
    case 'effect-unstarted':
      return withoutIntent(step, entry);
    case 'gate-asked':
      return asked(step, entry);
    case 'gate-decided':
      return decided(step, entry);
    case 'skip-decided':
      return { ...step, skip: skipOf(entry) };
    case 'retry-decided':
      return withoutSkip(step);
    case 'step-retry':
    case 'unknown-answered':
      break;
  }
  return step;
}

/** A step after its input was changed: what was proven does not count, and what was done may not be what is wanted now, so the world is asked. */
export function withOtherInput(step: StepRecord): StepRecord {
  const effects = new Map([...step.effects].map(([id, effect]) => [id, effect.state === 'done' ? unsettled(effect) : effect]));
  return { ...step, verified: false, changed: true, effects };
}

function unsettled({ result: _result, ...effect }: EffectRecord): EffectRecord {
  return { ...effect, state: 'failed' };
}

function succeeded({ changed: _changed, ...step }: StepRecord, entry: Extract<StepEntry, { type: 'step-succeeded' }>): StepRecord {
  const endedAt = entry.found && step.endedAt !== undefined ? step.endedAt : entry.at;
  const { outputs, evidence, found, attested } = entry;
  return { ...withLog(step, entry.log), state: 'succeeded', verified: true, endedAt, outputs, evidence, found, attested };
}

function withLog(step: StepRecord, log: EvidenceFile | undefined): StepRecord {
  return log === undefined ? step : { ...step, logs: [...step.logs, log] };
}

type EffectEntry = Extract<StepEntry, { type: 'effect-intent' | 'effect-done' | 'effect-failed' }>;

function applyEffect(step: StepRecord, entry: EffectEntry): StepRecord {
  const id = effectId(entry);
  const known = step.effects.get(id);
  return { ...step, effects: new Map(step.effects).set(id, effectAfter(known, entry)) };
}

/** Takes an intent back; what was begun before it may still have happened, so the world is asked the next time. */
function withoutIntent(step: StepRecord, entry: Extract<StepEntry, { type: 'effect-unstarted' }>): StepRecord {
  const effects = new Map(step.effects);
  const known = effects.get(effectId(entry));
  if (known?.again === true) effects.set(effectId(entry), { ...known, state: 'failed' });
  else effects.delete(effectId(entry));
  return { ...step, effects };
}

function effectAfter(known: EffectRecord | undefined, entry: EffectEntry): EffectRecord {
  const { name, key } = entry;
  const deadline = entry.type === 'effect-intent' ? entry.deadline : (known?.deadline ?? entry.at);
  if (entry.type === 'effect-intent') return { name, key, deadline, state: 'intent', ...(known === undefined ? {} : { again: true }) };
  if (entry.type === 'effect-failed') return { name, key, deadline, state: 'failed' };
  return { name, key, deadline, state: 'done', result: entry.result };
}

function asked(step: StepRecord, { gate, shown, changes, omitted, at }: Extract<StepEntry, { type: 'gate-asked' }>): StepRecord {
  return { ...step, state: 'waiting', reason: gate.reason, asked: { gate, shown, changes, omitted, at } };
}

function skipOf({ by, at, reason, override, signed }: Extract<StepEntry, { type: 'skip-decided' }>): SkipRecord {
  return { by, at, reason, override: override === true, ...(signed === undefined ? {} : { signed }) };
}

function withoutSkip({ skip: _skip, ...step }: StepRecord): StepRecord {
  return step;
}

function decided(step: StepRecord, entry: Extract<StepEntry, { type: 'gate-decided' }>): StepRecord {
  const { decision, shown, by, how, at, signed, open = 0 } = entry;
  const why = decision === 'declined' && entry.text !== undefined ? { text: entry.text } : {};
  const decisions = [...step.decisions, { decision, shown, by, how, at, ...why, ...(signed === undefined ? {} : { signed }) }];
  const attestations = decision === 'attested' ? [...step.attestations, { by, at, text: entry.text ?? '' }] : step.attestations;
  return { ...step, state: open > 0 ? 'waiting' : 'ready', decisions, attestations };
}
