import type { StepKind } from '../engine/step.ts';
import type { JsonObject } from '../model/json.ts';
import type { StepPorts } from './ports.ts';

/** Declares a step kind; exists for type inference of `with` and outputs from their schemas. */
export function defineStep<W, O extends JsonObject>(kind: StepKind<W, O, StepPorts>): StepKind<W, O, StepPorts> {
  return kind;
}
