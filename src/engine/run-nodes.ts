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
 * end is an `always` node, so no failure leaves a watch on. With `open`, only these steps are scheduled: whatever else they need is done.
 */
export function runNodes(graph: StepGraph, open: readonly StepNode[] = graph.nodes): readonly RunNode[] {
  const isOpen = new Set(open.map(({ id }) => id));
  const guards = new Map(open.flatMap((node) => (node.guard === undefined ? [] : [[node.id, node.guard.protects.filter((step) => isOpen.has(step))]])));
  const needsOf = (node: StepNode): readonly RunNodeId[] => {
    const needs = node.needs.filter((need) => isOpen.has(need)).map((need) => (guards.has(need) ? endId(need) : need));
    const watches = [...guards].filter(([, protects]) => protects.includes(node.id)).map(([guard]) => guard);
    return [...needs, ...watches];
  };
  return open.flatMap((step): readonly RunNode[] => {
    const node = { id: step.id, needs: needsOf(step), step };
    const protects = guards.get(step.id);
    if (protects !== undefined) {
      return [
        { ...node, part: 'watch' },
        { id: endId(step.id), needs: [step.id, ...protects], step, part: 'watch-end', always: true },
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
