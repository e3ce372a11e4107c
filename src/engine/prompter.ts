import type { PlannedChange } from '../model/change.ts';
import type { Digest } from '../model/digest.ts';
import type { ClusterName, RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Gate } from './graph-types.ts';
import type { Risk } from './step.ts';

/** What a person is shown at a gate. The decision is bound to `shown`. */
export interface GateQuestion {
  readonly run: RunId;
  readonly cluster: ClusterName;
  readonly step: StepId;
  readonly summary: string;
  readonly risk: Risk;
  readonly gate: Gate;
  /** What the step would change, from its `plan`. */
  readonly changes: readonly PlannedChange[];
  readonly shown: Digest;
  /** Approvals that the gate needs and who has given theirs, when it needs more than one. */
  readonly approvals?: { readonly needed: number; readonly by: readonly string[] };
  /** Why the person at this terminal cannot decide, and somebody else must: show it and answer `elsewhere`. */
  readonly notHere?: string;
}

/**
 * `typed` is what was typed at a `confirm` gate; the engine compares it. `unavailable`: there is nobody to ask. `elsewhere`: it was shown, and the answer
 * will come from another process. `recorded`: it has come, and is in the journal.
 */
export type GateAnswer =
  | { readonly answer: 'approved'; readonly by: string; readonly typed?: string }
  | { readonly answer: 'declined'; readonly by: string }
  | { readonly answer: 'attested'; readonly by: string; readonly text: string }
  | { readonly answer: 'unavailable' }
  | { readonly answer: 'elsewhere' }
  | { readonly answer: 'recorded' };

/** A step or effect whose state the world does not tell. */
export interface UnknownQuestion {
  readonly run: RunId;
  readonly step: StepId;
  /** What is unknown, for people: `step 'provision'`, `effect 'delete LatticeCluster/workload' of step 'retire'`. */
  readonly what: string;
  readonly evidence: JsonObject;
}

/** `absent`: a person has looked and states that it has not happened, so it is done now. */
export type UnknownAnswer = { readonly answer: 'absent' | 'stop'; readonly by: string } | { readonly answer: 'unavailable' };

/** Another plan, runbook or commit that a resume is to go by. */
export interface ChangeQuestion {
  readonly run: RunId;
  /** What differs and what it means for steps that are done, one line each. */
  readonly changes: readonly string[];
}

/** `unavailable`: there is nobody to ask; the command that named the change then counts as the answer. */
export type ChangeAnswer = { readonly answer: 'approved' | 'declined'; readonly by: string } | { readonly answer: 'unavailable' };

/** Asks a person. The engine asks one question at a time. Implementations reject with the signal's reason when it aborts. */
export interface Prompter {
  ask(question: GateQuestion, signal: AbortSignal): Promise<GateAnswer>;
  askUnknown(question: UnknownQuestion, signal: AbortSignal): Promise<UnknownAnswer>;
  /** Asked before a run begins, so of the prompter as it was given. Absent means that there is nobody to ask. */
  askChange?(question: ChangeQuestion, signal: AbortSignal): Promise<ChangeAnswer>;
}

/** For runs without a terminal: nobody can be asked. */
export const NOBODY: Prompter = {
  ask: async () => ({ answer: 'unavailable' }),
  askUnknown: async () => ({ answer: 'unavailable' }),
};

/** Passes questions on one at a time, so that two gates never share a terminal. */
export function oneAtATime(prompter: Prompter): Prompter {
  let last: Promise<unknown> = Promise.resolve();
  const queue = <T>(question: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    const answer = last.then(() => {
      signal.throwIfAborted();
      return question();
    });
    last = answer.catch(() => undefined);
    return answer;
  };
  return {
    ask: (question, signal) => queue(() => prompter.ask(question, signal), signal),
    askUnknown: (question, signal) => queue(() => prompter.askUnknown(question, signal), signal),
  };
}

/** Passes questions on through `around`, which may keep time or stop a clock meanwhile. */
export function wrapped(prompter: Prompter, around: <T>(question: () => Promise<T>) => Promise<T>): Prompter {
  return {
    ask: (question, signal) => around(() => prompter.ask(question, signal)),
    askUnknown: (question, signal) => around(() => prompter.askUnknown(question, signal)),
  };
}
