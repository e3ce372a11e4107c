import type { FieldDiff } from '../model/change.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { diffJson } from '../model/json-diff.ts';
import type { ExpressionEvaluator, ExpressionScope, Template } from './expression.ts';
import type { StepGraph, StepNode } from './graph-types.ts';
import type { RunState } from './run-state.ts';

/** A step that two graphs do not have alike. */
export interface StepDifference {
  readonly step: StepId;
  readonly change: 'added' | 'removed' | 'changed';
  /** Of the declaration, and below `with` of its input as far as it is known. Empty for a step that is new or gone. */
  readonly fields: readonly FieldDiff[];
}

/** All in which two graphs differ. */
export interface GraphDifference {
  /** In the order of the graph that is compared with, then what is gone. */
  readonly steps: readonly StepDifference[];
  readonly plan: readonly FieldDiff[];
  readonly inputs: readonly FieldDiff[];
  /** Name, description and the like, and the order in which steps are written. */
  readonly runbook: readonly FieldDiff[];
}

export interface DiffOptions {
  readonly before: StepGraph;
  readonly after: StepGraph;
  readonly evaluator: ExpressionEvaluator;
  /** What the steps have given so far, for expressions that read outputs. */
  readonly state: RunState;
}

/** Compares two graphs step by step. What a step is given is compared with its expressions resolved, so a changed plan shows in the steps that read it. */
export function diffGraphs({ before, after, evaluator, state }: DiffOptions): GraphDifference {
  const was = new Map(before.nodes.map((node) => [node.id, node]));
  const is = new Set(after.nodes.map((node) => node.id));
  const outputs = outputsOf(state);
  const inputOf = (graph: StepGraph, node: StepNode): JsonObject => knownInput(node, { evaluator, plan: graph.plan, inputs: graph.inputs, steps: outputs });
  const steps = after.nodes.flatMap((node): readonly StepDifference[] => {
    const old = was.get(node.id);
    if (old === undefined) return [{ step: node.id, change: 'added', fields: [] }];
    const fields = [...diffJson(declarationOf(old), declarationOf(node)), ...diffJson(inputOf(before, old), inputOf(after, node), 'with')];
    return fields.length === 0 ? [] : [{ step: node.id, change: 'changed', fields }];
  });
  const gone = before.nodes.filter(({ id }) => !is.has(id)).map(({ id }): StepDifference => ({ step: id, change: 'removed', fields: [] }));
  return {
    steps: [...steps, ...gone],
    plan: diffJson(before.plan, after.plan),
    inputs: diffJson(before.inputs, after.inputs),
    runbook: [...diffJson(headOf(before), headOf(after)), ...orderDiff(before, after)],
  };
}

function outputsOf(state: RunState): ExpressionScope['steps'] {
  return Object.fromEntries([...state.steps].flatMap(([id, { outputs }]) => (outputs === undefined ? [] : [[id, { outputs }] as const])));
}

function declarationOf({ id: _id, with: _with, ...rest }: StepNode): JsonObject {
  return rest as unknown as JsonObject;
}

function headOf({ name, description, keepGoing }: StepGraph): JsonObject {
  return { name, description, keepGoing };
}

/** Only the order of steps that are in both, which a new or a removed one does not change. */
function orderDiff(before: StepGraph, after: StepGraph): readonly FieldDiff[] {
  const both = (graph: StepGraph, other: StepGraph): readonly string[] => {
    const ids = new Set(other.nodes.map((node) => node.id));
    return graph.nodes.filter(({ id }) => ids.has(id)).map(({ id }) => id);
  };
  const [from, to] = [both(before, after), both(after, before)];
  return from.every((id, index) => id === to[index]) ? [] : [{ path: 'order of the steps', from, to }];
}

interface InputScope extends Pick<ExpressionScope, 'plan' | 'inputs' | 'steps'> {
  readonly evaluator: ExpressionEvaluator;
}

/** The input of a step, field by field: resolved where that can be done now, else as it is written. */
function knownInput(node: StepNode, { evaluator, ...values }: InputScope): JsonObject {
  const scope: ExpressionScope = { ...values, step: node.id, ...(node.item === undefined ? {} : { item: node.item }) };
  const entries = Object.entries(node.with).map(([key, template]) => resolveField({ [key]: template }, { evaluator, scope }));
  return Object.assign({}, ...entries) as JsonObject;
}

/** An optional expression without a value leaves its field out, so a field is resolved within a map. */
function resolveField(
  field: Readonly<Record<string, Template | undefined>>,
  { evaluator, scope }: { readonly evaluator: ExpressionEvaluator; readonly scope: ExpressionScope },
): JsonValue {
  try {
    return evaluator.resolve(field, scope);
  } catch {
    return field as JsonValue;
  }
}
