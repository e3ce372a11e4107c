import type { z } from 'zod';
import { DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { ExpressionScope } from './expression.ts';
import type { StepNode } from './graph-types.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { AnyStepKind } from './step.ts';

/** What the expressions of a node may read now: plan, inputs, its item and the outputs of the ancestors that have succeeded. */
function expressionScope<P>(scope: RunScope<P>, node: StepNode): ExpressionScope {
  const { plan, inputs } = scope.frozen.graph;
  return {
    plan,
    inputs,
    // Only what reads outputs pays for looking them up.
    get steps() {
      return outputsOfAncestors(scope, node.id);
    },
    step: node.id,
    ...(node.item === undefined ? {} : { item: node.item }),
  };
}

function outputsOfAncestors<P>(scope: RunScope<P>, id: StepId): ExpressionScope['steps'] {
  const done = [...scope.ancestors(id)].flatMap((ancestor) => {
    const outputs = scope.outputs.get(ancestor);
    return outputs === undefined ? [] : [[ancestor, { outputs }] as const];
  });
  return Object.fromEntries(done);
}

/** Why a node is skipped: excluded before the run, left out by a person, or by its `if`. `undefined` when it is to run. */
export function skipReason<P>(scope: RunScope<P>, node: StepNode): string | undefined {
  if (node.skipped !== undefined) return node.skipped;
  const { skip } = recordOf(scope, node.id);
  if (skip !== undefined) return `${skip.override ? 'safety overridden' : 'skipped'} by ${skip.by}: ${skip.reason}`;
  if (node.if === undefined || scope.env.evaluator.condition(node.if, expressionScope(scope, node))) return undefined;
  return `its condition is false: ${node.if}`;
}

/** A node's `with`, expressions resolved and parsed by its kind. Throws `INPUT_INVALID` listing every fault. */
export function resolveInput<P>(scope: RunScope<P>, node: StepNode, kind: AnyStepKind<P>): unknown {
  const resolved = scope.env.evaluator.resolve(node.with, expressionScope(scope, node));
  const parsed = kind.with.safeParse(resolved);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error);
  throw new DrError({ code: 'INPUT_INVALID', message: `'with' of step '${node.id}' (${node.uses}): ${faults.join('; ')}`, details: { step: node.id, faults } });
}

/** Outputs that a step gave, parsed by its kind. Throws `BUG`: a kind has to keep its own schema. */
export function parseOutputs<P>(step: StepId, kind: AnyStepKind<P>, outputs: unknown): JsonObject {
  const parsed = kind.outputs.safeParse(outputs);
  if (parsed.success) return parsed.data as JsonObject;
  throw new DrError({ code: 'BUG', message: `outputs of step '${step}' do not fit the schema of '${kind.kind}': ${faultsOf(parsed.error).join('; ')}` });
}

function faultsOf(error: z.ZodError): readonly string[] {
  return error.issues.map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`);
}
