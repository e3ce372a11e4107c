import type { JsonObject, JsonValue } from '../model/json.ts';
import type { DocPath } from './faults.ts';
import { RUN_MODES } from './runbook.ts';
import { loneExpression } from './template.ts';

/** A name in a list of the document, with its position in that list. */
export interface ListedName {
  readonly index: number;
  readonly name: string;
}

/**
 * What can be made out of a step as it stands in the document, right or wrong. Checks between steps work on views, so that they still run, and all faults
 * are listed, when some step does not fit the schema.
 */
export interface StepView {
  /** Path of the step in the document. */
  readonly path: DocPath;
  readonly id: string | undefined;
  readonly uses: string | undefined;
  readonly needs: readonly ListedName[];
  readonly protects: readonly ListedName[];
  readonly isGuard: boolean;
  /** Persons who must approve at its gate. */
  readonly approvals: number | undefined;
  readonly with: JsonObject;
  /** CEL of `if`, without `${{ }}` around it. */
  readonly condition: string | undefined;
  /** CEL of `forEach`, without `${{ }}` around it. */
  readonly forEach: string | undefined;
  readonly maxParallel: number | undefined;
  readonly modes: readonly string[];
  readonly always: boolean;
}

/** Views of all steps of a document that are maps, in its order. */
export function stepViews(data: JsonValue | undefined): readonly StepView[] {
  const steps = mapOf(mapOf(data)['spec'])['steps'];
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((step: JsonValue, index) => (isMap(step) ? [viewOf(step, ['spec', 'steps', index])] : []));
}

/** Declared inputs of a document that are maps, by name. */
export function inputViews(data: JsonValue | undefined): Readonly<Record<string, JsonObject>> {
  const inputs = Object.entries(mapOf(mapOf(mapOf(data)['spec'])['inputs']));
  return Object.fromEntries(inputs.flatMap(([name, value]) => (isMap(value) ? [[name, value]] : [])));
}

function viewOf(step: JsonObject, path: DocPath): StepView {
  const { id, uses, if: condition, forEach, maxParallel } = step;
  const approvals = mapOf(step['gate'])['approve'];
  return {
    path,
    id: textOf(id),
    uses: textOf(uses),
    needs: namesOf(step['needs']),
    protects: namesOf(mapOf(step['guard'])['protects']),
    isGuard: isMap(step['guard']),
    approvals: typeof approvals === 'number' ? approvals : undefined,
    with: mapOf(step['with']),
    condition: bare(condition),
    forEach: bare(forEach),
    maxParallel: typeof maxParallel === 'number' ? maxParallel : undefined,
    modes: Array.isArray(step['runIn']) ? namesOf(step['runIn']).map((mode) => mode.name) : RUN_MODES,
    always: step['always'] === true,
  };
}

/** The CEL of a field that is CEL with or without `${{ }}` around it. */
function bare(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  return loneExpression(value) ?? value;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function namesOf(value: JsonValue | undefined): readonly ListedName[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((name: JsonValue, index) => (typeof name === 'string' ? [{ index, name }] : []));
}

function isMap(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapOf(value: JsonValue | undefined): JsonObject {
  return isMap(value) ? value : {};
}
