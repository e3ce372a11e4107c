import { z } from 'zod';
import { type AnyStepKind, DEFAULT_RETRY, type StepCatalogue } from '../../../src/engine/step.ts';
import { duration } from '../../../src/model/plan/fields.ts';

const nothing = z.object({});

/** A step kind that validation can look at and nothing can run. */
function kindOf(kind: string, parts: Partial<AnyStepKind<unknown>> = {}): AnyStepKind<unknown> {
  const unused = (): Promise<never> => Promise.reject(new Error(`${kind} is for validation only`));
  return {
    kind,
    version: 1,
    summary: `does ${kind}`,
    with: nothing,
    outputs: nothing,
    risk: 'reversible',
    safety: false,
    timeoutMs: 60_000,
    retry: DEFAULT_RETRY,
    effects: [],
    observe: unused,
    plan: unused,
    execute: unused,
    verify: unused,
    ...parts,
  };
}

function catalogueOf(...kinds: readonly AnyStepKind<unknown>[]): StepCatalogue {
  return new Map(kinds.map((kind) => [kind.kind, kind]));
}

/** Kinds with every sort of `with` and outputs that checks tell apart. */
export const SMALL: StepCatalogue = catalogueOf(
  kindOf('test/plain'),
  kindOf('test/make', {
    with: z.strictObject({ name: z.string(), size: z.int().min(1).default(1), tags: z.array(z.string()).default([]), limit: duration.exactOptional() }),
    outputs: z.object({ address: z.string(), count: z.number(), nested: z.object({ deep: z.boolean() }) }),
    verifies: 'asks the thing for its address',
    byHand: ['make the thing with the console'],
  }),
  kindOf('test/loose', { with: z.object({ name: z.string() }) }),
  kindOf('test/crossed', {
    with: z
      .strictObject({ low: z.number(), high: z.number(), limit: duration.exactOptional() })
      .refine((value) => value.low <= value.high, { error: 'low must not be above high' }),
  }),
  kindOf('test/same', {
    with: z.strictObject({ one: z.string(), other: z.string() }).refine((value) => value.one === value.other, { error: 'must be the same' }),
  }),
  kindOf('test/watch', { risk: 'read-only' }),
  kindOf('test/destroy', { risk: 'destructive', effects: [{ name: 'delete', destroys: 'the thing' }] }),
  kindOf('test/grouped', { group: { name: 'writes', limit: 2 } }),
);
