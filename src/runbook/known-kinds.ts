import type { AnyStepKind, StepCatalogue } from '../engine/step.ts';
import { inputSchemaOf, type JsonSchema, outputSchemaOf } from './json-schema.ts';

/** A step kind with the JSON Schemas of its contract. */
export interface KnownKind {
  readonly kind: AnyStepKind<unknown>;
  /** What `with` may hold. */
  readonly with: JsonSchema;
  readonly outputs: JsonSchema;
}

/** Step kinds by name; `undefined` for a name that is absent or unknown. */
export interface KnownKinds {
  get(uses: string | undefined): KnownKind | undefined;
}

/** Looks kinds up in a catalogue. */
export function knownKinds(catalogue: StepCatalogue): KnownKinds {
  return {
    get: (uses) => {
      const kind = uses === undefined ? undefined : catalogue.get(uses);
      return kind === undefined ? undefined : { kind, with: inputSchemaOf(kind.with), outputs: outputSchemaOf(kind.outputs) };
    },
  };
}
