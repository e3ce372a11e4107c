import type { RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { RunEvent } from './events.ts';
import type { AncestorsOf } from './graph.ts';
import { isoTime } from './iso-time.ts';
import type { Journal } from './journal.ts';
import type { Operator } from './operator.ts';
import type { Prompter } from './prompter.ts';
import type { FrozenRun } from './run-files.ts';
import type { RunEnvironment } from './run-options.ts';
import { newStep, type StepRecord } from './step-record.ts';

/** An event without the stamp that the run puts on every one. */
export type EventBody = RunEvent extends infer E ? (E extends RunEvent ? Omit<E, 'at' | 'run'> : never) : never;

/** What all steps of a run under one owner share. */
export interface RunScope<P> {
  readonly env: RunEnvironment<P>;
  readonly frozen: FrozenRun;
  readonly journal: Journal;
  /** Tells this ownership from every other one of the run. */
  readonly nonce: string;
  /** Number of this ownership, from 1. */
  readonly ownership: number;
  /** Runs that held the cluster before, in this store; all are over. */
  readonly predecessors: readonly RunId[];
  /** What persons elsewhere ask of the run. */
  readonly operator: Operator;
  /** Asks one question at a time. */
  readonly prompter: Prompter;
  readonly ancestors: AncestorsOf<StepId>;
  /** Outputs of the steps that have succeeded under this owner. */
  readonly outputs: Map<StepId, JsonObject>;
  readonly emit: (event: EventBody) => void;
  /** Aborts with a signal, or when the journal fails. The same for the same signal: what stops all steps is not joined anew for each of them. */
  readonly stopping: (signal: AbortSignal) => AbortSignal;
}

/** Makes `stopping` for a journal. */
export function joinedWith(failed: AbortSignal): RunScope<unknown>['stopping'] {
  const joined = new WeakMap<AbortSignal, AbortSignal>();
  return (signal) => {
    const known = joined.get(signal);
    if (known !== undefined) return known;
    const both = AbortSignal.any([failed, signal]);
    joined.set(signal, both);
    return both;
  };
}

/** What the journal says of a step. */
export function recordOf<P>(scope: RunScope<P>, step: StepId): StepRecord {
  return scope.journal.state.steps.get(step) ?? newStep(step);
}

/** Stamps events and hands them to the sink. A sink that throws is not listened to: no view may end a recovery, and the journal has everything. */
export function stamping(env: Pick<RunEnvironment, 'clock' | 'events'>, run: FrozenRun['id']): (event: EventBody) => void {
  return (event) => {
    try {
      env.events({ ...event, at: isoTime(env.clock.now()), run });
    } catch {
      // See above.
    }
  };
}
