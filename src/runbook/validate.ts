import type { StepCatalogue } from '../engine/step.ts';
import type { JsonObject } from '../model/json.ts';
import { createCelCompiler } from './cel.ts';
import { checkExpressions } from './check-expressions.ts';
import { checkGates } from './check-gates.ts';
import { ancestorsOf, checkGraph } from './check-graph.ts';
import { checkWith, type WithCheck } from './check-with.ts';
import { earlyCondition } from './condition.ts';
import { expandStep, occurrencesOf } from './expand.ts';
import { type Fault, faultsError, sortFaults } from './faults.ts';
import { resolveInputs } from './inputs.ts';
import { inputSchemaOf, type JsonSchema } from './json-schema.ts';
import { knownKinds } from './known-kinds.ts';
import { type KnownValues, NOTHING_KNOWN } from './known-values.ts';
import type { LoadedPlan } from './load-plan.ts';
import { recoveryPlanSchema } from './recovery-plan.ts';
import { type Runbook, runbookSchema } from './runbook.ts';
import { inputViews, type StepView, stepViews } from './step-view.ts';
import { parseYamlSource, type SourceFile, type YamlSource } from './yaml-source.ts';
import { zodFaults } from './zod-faults.ts';

/** A Runbook that is valid, with its source. */
export interface LoadedRunbook {
  readonly runbook: Runbook;
  readonly source: YamlSource;
}

/** What is known besides the runbook; the more there is, the more is checked. */
export interface RunbookContext {
  readonly plan?: LoadedPlan;
  /** Values given for the run. Absent: not known yet, so no input is missed. */
  readonly inputs?: JsonObject;
}

/** A runbook, or everything that is wrong with it. */
export type RunbookReading =
  | { readonly runbook: LoadedRunbook; readonly faults: readonly [] }
  | { readonly runbook?: never; readonly faults: readonly Fault[] };

/**
 * Reads a Runbook and lists every fault in it: YAML, schema, unknown step kinds and inputs, missing needs, cycles, gates that cannot be met, guards,
 * expressions (syntax, what they read, types) and, as far as values are known, `with` against the schema of each step kind.
 */
export function validateRunbook(file: SourceFile, catalogue: StepCatalogue, context: RunbookContext = {}): RunbookReading {
  return checkRunbook(parseYamlSource(file), catalogue, context);
}

/** Reads a Runbook. Throws one `INPUT_INVALID` that lists every fault. */
export function loadRunbook(file: SourceFile, catalogue: StepCatalogue, context: RunbookContext = {}): LoadedRunbook {
  const { runbook, faults } = validateRunbook(file, catalogue, context);
  if (runbook === undefined) throw faultsError(faults);
  return runbook;
}

/** `validateRunbook` for a document that has been parsed. */
export function checkRunbook(source: YamlSource, catalogue: StepCatalogue, context: RunbookContext): RunbookReading {
  if (source.data === undefined) return { faults: source.faults };
  const parsed = runbookSchema.safeParse(source.data);
  const shape = parsed.success ? [] : zodFaults({ source, base: [], data: source.data, schema: inputSchemaOf(runbookSchema), issues: parsed.error.issues });
  const views = stepViews(source.data);
  const declared = inputViews(source.data);
  const inputs = resolveInputs(declared, context.inputs);
  const compiler = createCelCompiler();
  const kinds = knownKinds(catalogue);
  const known: KnownValues = { plan: context.plan?.values, inputs: inputs.values, absentInputs: inputs.absent };
  const expressions = expressionFaults({ source, kinds, compiler, known, broken: new Set() }, { views, declared });
  const broken = new Set(expressions.map((fault) => fault.path));
  const faults = sortFaults([
    ...shape,
    ...inputs.problems.map(({ path, ...problem }) => source.faultAt(path, { ...problem, at: 'key' })),
    ...checkGraph({ source, views, catalogue }),
    ...checkGates({ source, views }, context.plan),
    ...expressions,
    ...views.flatMap((view) => stepFaults(view, { source, kinds, compiler, known, broken })),
  ]);
  return parsed.success && faults.length === 0 ? { runbook: { runbook: parsed.data, source }, faults: [] } : { faults };
}

interface Declared {
  readonly views: readonly StepView[];
  readonly declared: Readonly<Record<string, JsonObject>>;
}

function expressionFaults(check: WithCheck, { views, declared }: Declared): readonly Fault[] {
  const { source, compiler, kinds, known } = check;
  const steps = new Map(views.flatMap((view) => (view.id === undefined ? [] : [[view.id, view] as const])));
  const items = new Map([...steps].flatMap(([id, view]) => itemNames(view, check).map((names) => [id, names] as const)));
  const world = { planSchema: planSpecSchema(), inputs: declared, steps, ancestors: ancestorsOf(views), kinds, items };
  return checkExpressions({ source, views, world, compiler, planKnown: known.plan !== undefined });
}

/** Names of the items of a `forEach` step, as a list of one; empty for another step, or when they are not known. */
function itemNames(view: StepView, check: WithCheck): readonly (readonly string[])[] {
  const expansion = view.forEach === undefined ? undefined : expandStep(view, check);
  return expansion === undefined ? [] : [expansion.items.map((item) => item.name ?? '')];
}

/** JSON Schema of what expressions see as `plan`. */
function planSpecSchema(): JsonSchema {
  return (inputSchemaOf(recoveryPlanSchema)['properties'] as JsonObject)['spec'] as JsonSchema;
}

/** Faults of what one step is once plan and inputs are known; without them, of what it is in any case. */
function stepFaults(view: StepView, check: WithCheck): readonly Fault[] {
  const expansion = expandStep(view, check);
  const occurrences = expansion === undefined ? [{ view, item: undefined }] : occurrencesOf(expansion);
  const anyPlan = { ...check, known: NOTHING_KNOWN };
  const faults = occurrences.flatMap((occurrence) => {
    const condition = earlyCondition(view, occurrence.item, check);
    if ('fault' in condition) return [check.source.faultAt([...view.path, 'if'], { message: condition.fault })];
    const isExcluded = 'value' in condition && !condition.value;
    return checkWith(occurrence, isExcluded ? anyPlan : check);
  });
  return [...(expansion?.faults ?? []), ...limitFaults(view, check), ...faults];
}

/** A node is in one concurrency group: that of its kind, or the one `maxParallel` makes. */
function limitFaults({ path, uses, maxParallel }: StepView, { source, kinds }: WithCheck): readonly Fault[] {
  const group = kinds.get(uses)?.kind.group;
  if (group === undefined || maxParallel === undefined || maxParallel >= group.limit) return [];
  const message = `${uses} already runs at most ${group.limit} at a time, together with other steps; a lower limit for this step alone is not possible`;
  return [source.faultAt([...path, 'maxParallel'], { message, suggestion: 'remove maxParallel' })];
}
