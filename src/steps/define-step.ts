import { z } from 'zod';
import { NO_RETRY, type StepKind } from '../engine/step.ts';
import type { JsonObject } from '../model/json.ts';
import type { StepPorts } from './ports.ts';

/** Declares a step kind; exists for type inference of `with` and outputs from their schemas. */
export function defineStep<W, O extends JsonObject>(kind: StepKind<W, O, StepPorts>): StepKind<W, O, StepPorts> {
  return kind;
}

type GateKind<W> = StepKind<W, Record<string, never>, StepPorts>;

/** What differs between gates. `verify` is asked once the gate has been passed; without it nothing is. */
export type GateDeclaration<W> = Pick<GateKind<W>, 'kind' | 'version' | 'summary' | 'verifies' | 'byHand' | 'with' | 'plan'> &
  Partial<Pick<GateKind<W>, 'verify'>>;

/** Declares a step kind that does nothing itself: the gate that a runbook puts before it is the work, and `plan` is what a person is shown there. */
export function defineGate<W>(gate: GateDeclaration<W>): GateKind<W> {
  return defineStep({
    verify: async () => ({ ok: true, outputs: {}, evidence: {} }),
    ...gate,
    outputs: z.object({}),
    risk: 'read-only',
    safety: true,
    timeoutMs: 60_000,
    retry: NO_RETRY,
    effects: [],
    observe: async () => ({ state: 'present', outputs: {}, evidence: {} }),
    execute: async () => undefined,
  });
}
