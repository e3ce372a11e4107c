import type { Gate } from '../engine/graph-types.ts';
import type { Risk, StepCatalogue } from '../engine/step.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { createCelCompiler } from './cel.ts';
import type { WithCheck } from './check-with.ts';
import { earlyCondition } from './condition.ts';
import { expandStep } from './expand.ts';
import { resolveTemplate, toTemplate } from './expressions.ts';
import { resolveInputs } from './inputs.ts';
import { knownKinds } from './known-kinds.ts';
import { earlyScope } from './known-values.ts';
import type { LoadedPlan } from './load-plan.ts';
import type { RunbookStep } from './runbook.ts';
import { inputViews, type StepView, stepViews } from './step-view.ts';
import type { LoadedRunbook } from './validate.ts';

/** A runbook as a person reads it: steps in an order in which they can be done one after the other. */
export interface RunbookOutline {
  readonly name: string;
  readonly description: string;
  /** Name of the plan whose values are filled in. */
  readonly plan?: string;
  readonly inputs: readonly OutlineInput[];
  readonly steps: readonly OutlineStep[];
  /** Sections of the plan that steps are given as a whole, with their values when the plan is known. */
  readonly sections: readonly { readonly name: string; readonly value?: JsonValue }[];
}

export interface OutlineInput {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  /** Text of the default; absent when there is none. */
  readonly fallback?: string;
  readonly optional: boolean;
}

export interface OutlineStep {
  /** From 1. */
  readonly number: number;
  readonly id: string;
  readonly uses: string;
  readonly summary: string;
  readonly risk: Risk;
  readonly safety: boolean;
  readonly needs: readonly { readonly number: number; readonly id: string }[];
  readonly gate?: Gate;
  readonly protects?: readonly string[];
  /** CEL under which the step is done. */
  readonly condition?: string;
  /** The plan excludes the step, or every item of it. */
  readonly excluded: boolean;
  readonly runIn?: readonly string[];
  /** CEL of the list, and the names of its items when the plan is known. */
  readonly forEach?: { readonly source: string; readonly items?: readonly string[] };
  readonly always: boolean;
  readonly timeoutMs: number;
  readonly phase: string;
  /** What the step is given: a whole section of the plan, or text: the value where it is known, else the expression. */
  readonly with: readonly OutlineValue[];
  readonly verifies?: string;
  readonly byHand?: readonly string[];
  /** What its irreversible effects destroy. */
  readonly destroys: readonly string[];
}

export type OutlineValue = { readonly name: string } & ({ readonly section: string } | { readonly text: string });

export interface OutlineOptions {
  readonly runbook: LoadedRunbook;
  readonly catalogue: StepCatalogue;
  readonly plan?: LoadedPlan;
  readonly inputs?: JsonObject;
}

/** Makes the outline of a valid runbook. Nothing but the files is needed: no cluster, and no plan. */
export function outlineRunbook({ runbook, catalogue, plan, inputs }: OutlineOptions): RunbookOutline {
  const { source } = runbook;
  const { metadata, spec } = runbook.runbook;
  const { values, absent } = resolveInputs(inputViews(source.data), inputs);
  const check: WithCheck = {
    source,
    kinds: knownKinds(catalogue),
    compiler: createCelCompiler(),
    known: { plan: plan?.values, inputs: values, absentInputs: absent },
    broken: new Set(),
  };
  const ordered = inOrder(spec.steps);
  const numbers = new Map(ordered.map((step, index) => [step.id, index + 1]));
  const views = new Map(stepViews(source.data).map((view) => [view.id, view]));
  const steps = ordered.map((step) => outlineStep(step, { view: views.get(step.id) as StepView, numbers, check }));
  return {
    name: metadata.name,
    description: spec.description,
    ...(plan === undefined ? {} : { plan: plan.plan.metadata.name }),
    inputs: Object.entries(spec.inputs).map(([name, input]) => ({
      name,
      type: input.type,
      description: input.description,
      optional: input.optional,
      ...(input.default === undefined ? {} : { fallback: JSON.stringify(input.default) }),
    })),
    steps,
    sections: sectionsOf(steps, plan),
  };
}

function sectionsOf(steps: readonly OutlineStep[], plan: LoadedPlan | undefined): RunbookOutline['sections'] {
  const names = new Set(steps.flatMap((step) => step.with.flatMap((value) => ('section' in value ? [value.section] : []))));
  return [...names].map((name) => {
    const value = plan?.values[name];
    return { name, ...(value === undefined ? {} : { value }) };
  });
}

/** The order of the file, except where a step stands before one that it needs, or before its guard. */
function inOrder(steps: readonly RunbookStep[]): readonly RunbookStep[] {
  let left = steps;
  const done: RunbookStep[] = [];
  while (left.length > 0) {
    const ready = left.filter((step) => step.needs.every((need) => done.some((other) => other.id === need)));
    const guarded = new Set(left.flatMap((step) => step.guard?.protects ?? []));
    const next = ready.find((step) => !guarded.has(step.id)) ?? ready[0];
    if (next === undefined) return [...done, ...left];
    done.push(next);
    left = left.filter((step) => step !== next);
  }
  return done;
}

interface StepParts {
  readonly view: StepView;
  readonly numbers: ReadonlyMap<string, number>;
  readonly check: WithCheck;
}

function outlineStep(step: RunbookStep, { view, numbers, check }: StepParts): OutlineStep {
  const kind = check.kinds.get(step.uses)?.kind;
  const expansion = expandStep(view, check);
  const items = expansion?.items ?? [];
  return {
    number: numbers.get(step.id) ?? 0,
    id: step.id,
    uses: step.uses,
    summary: kind?.summary ?? '',
    risk: kind?.risk ?? 'destructive',
    safety: kind?.safety ?? false,
    needs: step.needs.map((id) => ({ id, number: numbers.get(id) ?? 0 })),
    ...(step.gate === undefined ? {} : { gate: step.gate }),
    ...(step.guard === undefined ? {} : { protects: step.guard.protects }),
    ...(view.condition === undefined ? {} : { condition: view.condition }),
    excluded: expansion !== undefined && items.every(({ item }) => isExcluded(view, item, check)),
    ...(step.runIn === undefined ? {} : { runIn: step.runIn }),
    ...(view.forEach === undefined
      ? {}
      : { forEach: { source: view.forEach, ...(expansion === undefined ? {} : { items: items.map((item) => item.name ?? '') }) } }),
    always: step.always,
    timeoutMs: step.timeout ?? kind?.timeoutMs ?? 0,
    phase: step.phase ?? (step.uses.split('/')[0] as string),
    with: Object.entries(step.with).flatMap(([name, value]) => outlineValue(name, value as JsonValue, check)),
    ...(kind?.verifies === undefined ? {} : { verifies: kind.verifies }),
    ...(kind?.byHand === undefined ? {} : { byHand: kind.byHand }),
    destroys: (kind?.effects ?? []).map((effect) => effect.destroys),
  };
}

function isExcluded(view: StepView, item: JsonValue | undefined, check: WithCheck): boolean {
  const early = earlyCondition(view, item, check);
  return 'value' in early && !early.value;
}

/** Nothing for an optional value that the plan does not have. */
function outlineValue(name: string, value: JsonValue, { compiler, known }: WithCheck): readonly OutlineValue[] {
  const template = toTemplate(value);
  const resolved = known.plan === undefined ? { value } : resolveTemplate(template, { compiler, scope: earlyScope(known, undefined) });
  if ('absent' in resolved) return [];
  const section = /^\$\{\{\s*plan\.\??(\w+)\s*\}\}$/.exec(typeof value === 'string' ? value : '')?.[1];
  if (section !== undefined) return [{ name, section }];
  const shown = 'value' in resolved ? resolved.value : value;
  return [{ name, text: typeof shown === 'string' ? shown : JSON.stringify(shown) }];
}
