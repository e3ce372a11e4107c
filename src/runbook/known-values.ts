import type { ExpressionScope } from '../engine/expression.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { CompiledCel } from './cel.ts';

/** Values that are known before a run. */
export interface KnownValues {
  /** The plan's `spec`; `undefined` when the runbook is looked at without a plan. */
  readonly plan: JsonObject | undefined;
  /** Values of inputs that are known. */
  readonly inputs: JsonObject;
  /** Optional inputs that the run will not have. */
  readonly absentInputs: ReadonlySet<string>;
}

/** Nothing is known: what holds in any run. */
export const NOTHING_KNOWN: KnownValues = { plan: undefined, inputs: {}, absentInputs: new Set() };

/** Says whether all that an expression reads is known before the run. */
export function isKnown({ references }: CompiledCel, known: KnownValues, item: JsonValue | undefined): boolean {
  return references.every(({ root, path }) => {
    const name = String(path[0] ?? '');
    if (root === 'plan') return known.plan !== undefined;
    if (root === 'inputs') return Object.hasOwn(known.inputs, name) || known.absentInputs.has(name);
    return root === 'item' && item !== undefined;
  });
}

/** What expressions read before the run. */
export function earlyScope(known: KnownValues, item: JsonValue | undefined): ExpressionScope {
  return { plan: known.plan ?? {}, inputs: known.inputs, steps: {}, ...(item === undefined ? {} : { item }) };
}
