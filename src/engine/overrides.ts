import type { StepId } from '../model/ids.ts';
import type { Gate, StepNode } from './graph-types.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { SkipRecord } from './step-record.ts';

/** A node with what a person must do before it starts. */
export type GatedNode = StepNode & { readonly gate: Gate };

/** A safety step that a person has overridden. */
export interface Override extends SkipRecord {
  readonly step: StepId;
}

/**
 * The node with the gate that holds for it in this run, or `undefined` when it has none. A destructive step behind an overridden safety step is gated in any
 * case, and what is asked there names the override: so the digest is another one, and no approval given before counts.
 */
export function gatedNode<P>(scope: RunScope<P>, node: StepNode): GatedNode | undefined {
  const overrides = overridesBefore(scope, node);
  const { gate = { reason: 'a safety step before it was overridden', approve: 1 } } = node;
  if (overrides.length > 0) return { ...node, gate: { ...gate, reason: `${gate.reason}; NOT PROVEN: ${overrides.map(overrideText).join('; ')}` } };
  return node.gate === undefined ? undefined : { ...node, gate: node.gate };
}

/** What a gate and a report say about an override. */
function overrideText({ step, by, reason }: Pick<Override, 'step' | 'by' | 'reason'>): string {
  return `${step} overridden by ${by}: ${reason}`;
}

/** Overridden safety steps that a destructive step stands behind; none for a step that destroys nothing. */
export function overridesBefore<P>(scope: RunScope<P>, node: StepNode): readonly Override[] {
  const { overridden } = scope.operator;
  if (node.risk !== 'destructive' || overridden.length === 0) return [];
  const ancestors = scope.ancestors(node.id);
  return overridden.flatMap((step) => {
    const skip = ancestors.has(step) ? recordOf(scope, step).skip : undefined;
    return skip === undefined ? [] : [{ ...skip, step }];
  });
}
