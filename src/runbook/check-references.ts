import type { JsonObject } from '../model/json.ts';
import type { Reference } from './cel-references.ts';
import type { ExpressionSite } from './expression-sites.ts';
import { didYouMean, renderPath } from './faults.ts';
import { type JsonSchema, schemaAt } from './json-schema.ts';
import type { KnownKinds } from './known-kinds.ts';
import type { StepView } from './step-view.ts';

/** What references are checked against. */
export interface ReferenceWorld {
  readonly planSchema: JsonSchema;
  readonly inputs: Readonly<Record<string, JsonObject>>;
  readonly steps: ReadonlyMap<string, StepView>;
  readonly ancestors: ReadonlyMap<string, ReadonlySet<string>>;
  readonly kinds: KnownKinds;
  /** Names of the items of a `forEach` step, by the step's id, where they are known. */
  readonly items: ReadonlyMap<string, readonly string[]>;
}

/** What is wrong with one reference. */
export interface ReferenceProblem {
  readonly message: string;
  readonly suggestion?: string;
}

/** A reference, where it stands, and what `has()` tests in the same expression or in the step's `if`. */
export interface SitedReference {
  readonly reference: Reference;
  readonly site: ExpressionSite;
  readonly tests: readonly Reference[];
}

const ROOTS = ['plan', 'inputs', 'steps', 'item'];

/** The first thing wrong with a reference, or `undefined`. */
export function referenceProblem(sited: SitedReference, world: ReferenceWorld): ReferenceProblem | undefined {
  const { reference, site } = sited;
  const { root, path } = reference;
  if (site.role === 'forEach' && (root === 'steps' || root === 'item')) {
    return { message: `reads ${root}, but forEach is expanded before the run and may read only plan and inputs` };
  }
  if (root === 'plan') return schemaProblem(world.planSchema, path, 'plan');
  if (root === 'inputs') return inputProblem(path, world.inputs);
  if (root === 'steps') return stepProblem(sited, world);
  if (root === 'item') return site.step.forEach === undefined ? { message: 'reads item, but the step has no forEach' } : undefined;
  return {
    message: `unknown variable "${root}"`,
    ...(didYouMean(root, ROOTS).suggestion === undefined ? { suggestion: `known: ${ROOTS.join(', ')}` } : didYouMean(root, ROOTS)),
  };
}

function schemaProblem(schema: JsonSchema, path: Reference['path'], prefix: string): ReferenceProblem | undefined {
  for (let length = 1; length <= path.length; length += 1) {
    const spot = schemaAt(schema, path.slice(0, length));
    if (spot.state === 'open') return undefined;
    if (spot.state === 'closed') continue;
    const key = String(path[length - 1]);
    const hint = didYouMean(key, spot.keys);
    const list = spot.keys.length === 0 ? {} : { suggestion: `known here: ${spot.keys.join(', ')}` };
    return { message: `${renderPath([prefix, ...path.slice(0, length - 1)])} has no "${key}"`, ...(hint.suggestion === undefined ? list : hint) };
  }
  return undefined;
}

function inputProblem(path: Reference['path'], inputs: Readonly<Record<string, JsonObject>>): ReferenceProblem | undefined {
  const [name] = path;
  if (name === undefined || Object.hasOwn(inputs, name)) return undefined;
  return { message: `the runbook declares no input "${name}"`, ...didYouMean(String(name), Object.keys(inputs)) };
}

function stepProblem({ reference, site, tests }: SitedReference, world: ReferenceWorld): ReferenceProblem | undefined {
  const [first, second, ...rest] = reference.path;
  if (first === undefined) return { message: 'reads steps as a whole; name the step: steps.ID.outputs.NAME' };
  const { base, item } = splitItem(String(first));
  const target = world.steps.get(base);
  if (target === undefined) return { message: `there is no step "${base}"`, ...didYouMean(base, world.steps.keys()) };
  if (second !== undefined && second !== 'outputs')
    return { message: `steps.${first} has no "${second}"`, suggestion: `write steps.${first}.outputs.${second}` };
  if (base === site.step.id) return { message: 'reads the outputs of its own step' };
  if (site.step.id !== undefined && world.ancestors.get(site.step.id)?.has(base) !== true) {
    return { message: `step "${base}" is not an ancestor of "${site.step.id}", so its outputs may not exist yet`, suggestion: `add "${base}" to its needs` };
  }
  if (target.forEach !== undefined && item === undefined)
    return { message: `step "${base}" is a forEach, whose items have the outputs`, suggestion: `name one: steps["${base}[ITEM]"].outputs` };
  const items = world.items.get(base);
  if (item !== undefined && items?.includes(item) === false) return { message: `step "${base}" has no item "${item}"`, ...didYouMean(item, items) };
  if (target.forEach === undefined && item !== undefined) return { message: `step "${base}" has no items: it is no forEach` };
  const kind = world.kinds.get(target.uses);
  const unknown = kind === undefined || rest.length === 0 ? undefined : schemaProblem(kind.outputs, rest, `steps.${first}.outputs`);
  if (unknown !== undefined) return unknown;
  const absence = reference.tested || reference.firm === 0 || isTested(reference, tests) ? undefined : mayBeAbsent(target, site.step);
  return absence === undefined
    ? undefined
    : { message: `step "${base}" ${absence}, so its outputs may be absent`, suggestion: `test them with has(steps.${first}.outputs…)` };
}

/** `fence[cp-1]` is item `cp-1` of step `fence`. */
function splitItem(id: string): { readonly base: string; readonly item?: string } {
  const match = /^([^[]*)\[(.*)\]$/.exec(id);
  return match === null ? { base: id } : { base: match[1] ?? '', item: match[2] ?? '' };
}

/** Says whether `has()` tests the reference or a part of the path to it. A test of the step in any depth proves that the step has outputs. */
function isTested(reference: Reference, tests: readonly Reference[]): boolean {
  return tests.some((test) => test.root === reference.root && test.path[0] === reference.path[0]);
}

/** Why a step may have no outputs when another runs, or `undefined` when it always has. A condition both share is no reason. */
function mayBeAbsent(target: StepView, reader: StepView): string | undefined {
  if (reader.always) return 'may have failed when a step with always runs';
  if (target.condition !== undefined && target.condition !== reader.condition) return 'has an if';
  if (!reader.modes.every((mode) => target.modes.includes(mode))) return `runs only in ${target.modes.join(', ')}`;
  return undefined;
}
