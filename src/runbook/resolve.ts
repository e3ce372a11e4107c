import type { Gate, StepGraph, StepNode } from '../engine/graph-types.ts';
import type { AnyStepKind, RetryPolicy, StepCatalogue } from '../engine/step.ts';
import { digestOfJson } from '../model/digest.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { createCelCompiler } from './cel.ts';
import type { WithCheck } from './check-with.ts';
import { earlyCondition } from './condition.ts';
import { type ExpandedItem, expandStep } from './expand.ts';
import { toTemplate } from './expressions.ts';
import { faultsError } from './faults.ts';
import { resolveInputs } from './inputs.ts';
import { knownKinds } from './known-kinds.ts';
import type { LoadedPlan } from './load-plan.ts';
import type { RunbookStep, RunMode } from './runbook.ts';
import { inputViews, type StepView, stepViews } from './step-view.ts';
import { checkRunbook, type LoadedRunbook } from './validate.ts';

/** What a runbook is resolved with. */
export interface ResolveOptions {
  readonly runbook: LoadedRunbook;
  readonly plan: LoadedPlan;
  /** Values given for the run; text is read as JSON where the declared type is not `string`. */
  readonly inputs: JsonObject;
  readonly mode: RunMode;
  readonly catalogue: StepCatalogue;
}

/**
 * Makes the graph of a run: `forEach` becomes one node per item, needs on such a step mean all of them, and a step that plan, inputs or mode exclude stays
 * as skipped, with the reason, so that order passes through it. Everything is validated again with these values; throws one `INPUT_INVALID` with all faults.
 */
export function resolveRunbook({ runbook, plan, inputs, mode, catalogue }: ResolveOptions): StepGraph {
  const { source } = runbook;
  const reading = checkRunbook(source, catalogue, { plan, inputs });
  if (reading.runbook === undefined) throw faultsError(reading.faults);
  const { metadata, spec } = reading.runbook.runbook;
  const { values, absent } = resolveInputs(inputViews(source.data), inputs);
  const check: WithCheck = {
    source,
    kinds: knownKinds(catalogue),
    compiler: createCelCompiler(),
    known: { plan: plan.values, inputs: values, absentInputs: absent },
    broken: new Set(),
  };
  const views = stepViews(source.data);
  const expanded = spec.steps.map((step, index) => expand(step, { view: views[index] as StepView, check }));
  const ids = new Map(expanded.map(({ step, items }) => [step.id, items.map((item) => item.id)]));
  const nodes = expanded.flatMap((entry) => entry.items.map((item) => nodeOf(item, { ...entry, ids, check, mode })));
  const graph = { name: metadata.name, description: spec.description, nodes, plan: plan.values, inputs: values, keepGoing: spec.keepGoing };
  return { ...graph, digest: digestOfJson(graph as unknown as JsonValue) };
}

interface NamedItem extends ExpandedItem {
  readonly id: StepId;
  /** Why the node exists only to pass order on. */
  readonly empty?: string;
}

interface ExpandedStep {
  readonly step: RunbookStep;
  readonly view: StepView;
  readonly items: readonly NamedItem[];
}

function expand(step: RunbookStep, { view, check }: { readonly view: StepView; readonly check: WithCheck }): ExpandedStep {
  const items = expandStep(view, check)?.items ?? [];
  if (items.length === 0)
    return { step, view, items: [{ id: step.id as StepId, name: undefined, item: undefined, empty: `forEach gives no items: ${view.forEach}` }] };
  return { step, view, items: items.map((item) => ({ ...item, id: (item.name === undefined ? step.id : `${step.id}[${item.name}]`) as StepId })) };
}

interface NodeContext extends ExpandedStep {
  readonly ids: ReadonlyMap<string, readonly StepId[]>;
  readonly check: WithCheck;
  readonly mode: RunMode;
}

function nodeOf(named: NamedItem, { step, view, ids, check, mode }: NodeContext): StepNode {
  const kind = check.kinds.get(step.uses)?.kind as AnyStepKind<unknown>;
  const all = (names: readonly string[]): readonly StepId[] => names.flatMap((name) => ids.get(name) ?? []);
  const condition = conditionOf(named, { view, check, step, mode });
  const group = groupOf(step, kind);
  return {
    id: named.id,
    uses: step.uses,
    version: kind.version,
    summary: kind.summary,
    risk: kind.risk,
    safety: kind.safety,
    needs: all(step.needs),
    with: toTemplate(step.with) as StepNode['with'],
    ...condition,
    ...(step.always ? { always: true } : {}),
    ...(step.gate === undefined ? {} : { gate: step.gate satisfies Gate }),
    ...(step.guard === undefined ? {} : { guard: { protects: all(step.guard.protects) } }),
    timeoutMs: step.timeout ?? kind.timeoutMs,
    retry: retryOf(step, kind.retry),
    ...(group === undefined ? {} : { group }),
    ...(named.item === undefined ? {} : { item: named.item }),
    phase: step.phase ?? (step.uses.split('/')[0] as string),
  };
}

interface ConditionContext {
  readonly view: StepView;
  readonly check: WithCheck;
  readonly step: RunbookStep;
  readonly mode: RunMode;
}

/** `skipped` when the step is out before the run, `if` when the run decides, nothing when it is in. */
function conditionOf(named: NamedItem, { view, check, step, mode }: ConditionContext): { readonly skipped?: string; readonly if?: string } {
  if (named.empty !== undefined) return { skipped: named.empty };
  if (step.runIn?.includes(mode) === false) return { skipped: `runs only in ${step.runIn.join(', ')}, and this is a ${mode}` };
  const early = earlyCondition(view, named.item, check);
  if ('value' in early) return early.value ? {} : { skipped: `its condition is false: ${view.condition}` };
  return view.condition === undefined ? {} : { if: view.condition };
}

function groupOf(step: RunbookStep, kind: AnyStepKind<unknown>): StepNode['group'] {
  if (kind.group !== undefined) return kind.group;
  return step.maxParallel === undefined ? undefined : { name: `forEach ${step.id}`, limit: step.maxParallel };
}

function retryOf({ retry }: RunbookStep, base: RetryPolicy): RetryPolicy {
  return {
    attempts: retry?.attempts ?? base.attempts,
    firstDelayMs: retry?.firstDelay ?? base.firstDelayMs,
    maxDelayMs: retry?.maxDelay ?? base.maxDelayMs,
  };
}
