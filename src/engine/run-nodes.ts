import type { StepId } from '../model/ids.ts';
import type { StepGraph, StepNode } from './graph-types.ts';
import type { ScheduleNode } from './schedule.ts';

/** Id of a scheduled node: a step, or the end of a guard's watch (`<guard>#end`; `#` is in no step id). */
export type RunNodeId = StepId | `${string}#end`;

/** What the schedule of a run handles. A guard is two nodes: what it protects comes after the first and before the second. */
export interface RunNode extends ScheduleNode<RunNodeId> {
  readonly step: StepNode;
  readonly part: 'step' | 'watch' | 'watch-end';
}

/**
 * Turns a step graph into what is scheduled. Protected steps start after the guard watches; whoever needs the guard starts after its watch has ended; the
 * end is an `always` node, so no failure leaves a watch on.
 */
export function runNodes(graph: StepGraph): readonly RunNode[] {
  const guards = new Map(graph.nodes.flatMap((node) => (node.guard === undefined ? [] : [[node.id, node.guard.protects]])));
  const needsOf = (node: StepNode): readonly RunNodeId[] => {
    const needs = node.needs.map((need) => (guards.has(need) ? endId(need) : need));
    const watches = [...guards].filter(([, protects]) => protects.includes(node.id)).map(([guard]) => guard);
    return [...needs, ...watches];
  };
  return graph.nodes.flatMap((step): readonly RunNode[] => {
    const node = { id: step.id, needs: needsOf(step), step };
    if (step.guard !== undefined) {
      return [
        { ...node, part: 'watch' },
        { id: endId(step.id), needs: [step.id, ...step.guard.protects], step, part: 'watch-end', always: true },
      ];
    }
    const group = step.group === undefined ? {} : { group: step.group.name };
    return [{ ...node, part: 'step', ...group, ...(step.always === true ? { always: true } : {}) }];
  });
}

/** Limit of each group; where nodes of one group disagree, the smallest. */
export function groupLimits(graph: StepGraph): Readonly<Record<string, number>> {
  const limits: Record<string, number> = {};
  for (const { group } of graph.nodes) if (group !== undefined) limits[group.name] = Math.min(group.limit, limits[group.name] ?? group.limit);
  return limits;
}

function endId(guard: StepId): RunNodeId {
  return `${guard}#end`;
}
