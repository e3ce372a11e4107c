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

/** Looks kinds up in a catalogue and makes the schemas of each once. */
export function knownKinds(catalogue: StepCatalogue): KnownKinds {
  const made = new Map<string, KnownKind>();
  return {
    get: (uses) => {
      const kind = uses === undefined ? undefined : catalogue.get(uses);
      if (kind === undefined) return undefined;
      const known = made.get(kind.kind) ?? { kind, with: inputSchemaOf(kind.with), outputs: outputSchemaOf(kind.outputs) };
      made.set(kind.kind, known);
      return known;
    },
  };
}
