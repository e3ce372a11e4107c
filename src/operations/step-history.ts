import type { EvidenceFile, JournalEntry } from '../engine/journal-entries.ts';
import { effectId } from '../engine/step-record.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { Interval } from './intervals.ts';

/** When one sub-effect happened. */
export interface EffectTimes {
  /** It was found done, and nothing was called. */
  readonly found: boolean;
  /** When its first intent was durable; absent when it was found done without one. */
  readonly intentAt?: string;
  readonly endedAt?: string;
}

/** A try that failed and was followed by another. */
export interface RetriedTry {
  readonly at: string;
  readonly attempt: number;
  readonly delayMs: DurationMs;
  readonly code: string;
  readonly message: string;
}

/** A failure that ended the step under one owner. */
export interface StepFailure {
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly suggestions: readonly string[];
}

/** When what happened to one step, over all owners. */
export interface StepHistory {
  /** Starts of tries, ISO 8601. */
  readonly tries: readonly string[];
  readonly retries: readonly RetriedTry[];
  readonly failures: readonly StepFailure[];
  /** By `effectId`. */
  readonly effects: ReadonlyMap<string, EffectTimes>;
  /** From each question, as first asked, to its answer; to the journal's last line while there is none. */
  readonly waits: readonly Interval[];
  /** Detail files, of every owner. */
  readonly logs: readonly EvidenceFile[];
}

/** Collects what a journal says of each step. Steps that never had a line are missing. Pure. */
export function stepHistories(entries: readonly JournalEntry[]): ReadonlyMap<StepId, StepHistory> {
  const lastAt = Date.parse(entries.at(-1)?.at ?? '');
  const own = Map.groupBy(
    entries.filter((entry) => 'step' in entry && entry.step !== undefined),
    (entry) => (entry as { readonly step: StepId }).step,
  );
  return new Map([...own].map(([step, lines]) => [step, historyOf(lines, lastAt)]));
}

function historyOf(entries: readonly JournalEntry[], lastAt: number): StepHistory {
  return {
    tries: entries.flatMap((entry) => (entry.type === 'step-started' ? [entry.at] : [])),
    retries: entries.flatMap((entry) => (entry.type === 'step-retry' ? [retryOf(entry)] : [])),
    failures: entries.flatMap((entry) => (entry.type === 'step-failed' ? [failureOf(entry)] : [])),
    effects: effectsOf(entries),
    waits: waitsOf(entries, lastAt),
    logs: entries.flatMap((entry) => ('log' in entry && entry.log !== undefined ? [entry.log] : [])),
  };
}

function retryOf({ at, try: attempt, delayMs, error }: Extract<JournalEntry, { type: 'step-retry' }>): RetriedTry {
  return { at, attempt, delayMs, code: error.code, message: error.message };
}

function failureOf({ at, error }: Extract<JournalEntry, { type: 'step-failed' }>): StepFailure {
  return { at, code: error.code, message: error.message, suggestions: error.suggestions };
}

function effectsOf(entries: readonly JournalEntry[]): ReadonlyMap<string, EffectTimes> {
  const effects = new Map<string, EffectTimes>();
  for (const entry of entries) {
    if (entry.type !== 'effect-intent' && entry.type !== 'effect-done' && entry.type !== 'effect-failed') continue;
    const intentAt = effects.get(effectId(entry))?.intentAt ?? (entry.type === 'effect-intent' ? entry.at : undefined);
    effects.set(effectId(entry), {
      found: entry.type === 'effect-done' && entry.found,
      ...(intentAt === undefined ? {} : { intentAt }),
      ...(entry.type === 'effect-intent' ? {} : { endedAt: entry.at }),
    });
  }
  return effects;
}

function waitsOf(entries: readonly JournalEntry[], lastAt: number): readonly Interval[] {
  const waits: Interval[] = [];
  let asked: number | undefined;
  for (const { type, at } of entries) {
    if (type === 'gate-asked') asked ??= Date.parse(at);
    if (asked === undefined || (type !== 'gate-decided' && type !== 'skip-decided')) continue;
    waits.push({ from: asked, to: Date.parse(at) });
    asked = undefined;
  }
  return asked === undefined ? waits : [...waits, { from: asked, to: Math.max(asked, lastAt) }];
}
