import { DrError } from '../errors/dr-error.ts';
import { digestOfJson } from '../model/digest.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { StepGraph, StepNode } from './graph-types.ts';

/** The least a node of any graph has. `needs` are the nodes that must be final first. */
export interface GraphNode<Id extends string = string> {
  readonly id: Id;
  readonly needs: readonly Id[];
}

/** One fault of a graph's shape; `nodes` are the nodes it is about, in order for a cycle (the first is repeated at the end). */
export interface GraphFault<Id extends string = string> {
  readonly kind: 'duplicate' | 'missing' | 'cycle' | 'guard';
  readonly message: string;
  readonly nodes: readonly Id[];
}

/** Finds every fault of shape: duplicate ids, needs that do not exist, and one cycle per knot of nodes that wait for each other. O(V+E). */
export function findGraphFaults<Id extends string>(nodes: readonly GraphNode<Id>[]): readonly GraphFault<Id>[] {
  const byId = new Map<Id, GraphNode<Id>>();
  const faults: GraphFault<Id>[] = [];
  for (const node of nodes) {
    if (byId.has(node.id)) faults.push({ kind: 'duplicate', message: `node '${node.id}' is declared twice`, nodes: [node.id] });
    byId.set(node.id, node);
  }
  for (const node of byId.values()) {
    for (const need of node.needs) {
      if (!byId.has(need)) faults.push({ kind: 'missing', message: `'${node.id}' needs '${need}', which does not exist`, nodes: [node.id, need] });
    }
  }
  return [...faults, ...findCycles(byId)];
}

/** Throws `INPUT_INVALID` listing every fault of shape; `what` names the graph. */
export function assertGraph<Id extends string>(nodes: readonly GraphNode<Id>[], what: string): void {
  throwFaults(findGraphFaults(nodes), what);
}

/** Orders nodes so that each comes after its needs, and otherwise as they were given. The graph must be free of faults. O(V+E). */
export function topologicalOrder<Id extends string, N extends GraphNode<Id>>(nodes: readonly (N & GraphNode<Id>)[]): readonly N[] {
  const missing = new Map<Id, number>(nodes.map((node) => [node.id, new Set(node.needs).size]));
  const dependents = dependentsOf(nodes);
  const ready = nodes.filter((node) => missing.get(node.id) === 0);
  const order: N[] = [];
  for (let next = ready[0]; next !== undefined; next = ready[order.length]) {
    order.push(next);
    for (const dependent of dependents.get(next.id) ?? []) {
      const left = (missing.get(dependent.id) ?? 0) - 1;
      missing.set(dependent.id, left);
      if (left === 0) ready.push(dependent);
    }
  }
  return order;
}

/** Maps each node to the nodes that need it, each named once. */
function dependentsOf<Id extends string, N extends GraphNode<Id>>(nodes: readonly (N & GraphNode<Id>)[]): ReadonlyMap<Id, readonly N[]> {
  const dependents = new Map<Id, N[]>(nodes.map((node) => [node.id, []]));
  for (const node of nodes) {
    for (const need of new Set(node.needs)) dependents.get(need)?.push(node);
  }
  return dependents;
}

/** Finds everything a node needs, directly or not, nearest first. O(V+E) a call, so that a long chain does not cost its square in memory. */
export type AncestorsOf<Id extends string> = (id: Id) => ReadonlySet<Id>;

/** Gives the finder of a graph. A node that does not exist has no ancestors. */
export function ancestorsOf<Id extends string>(nodes: readonly GraphNode<Id>[]): AncestorsOf<Id> {
  const needs = new Map(nodes.map((node) => [node.id, node.needs]));
  return (id) => {
    const found = new Set(needs.get(id));
    // A set gives what is added while it is walked.
    for (const ancestor of found) for (const further of needs.get(ancestor) ?? []) found.add(further);
    return found;
  };
}

/** The chain of nodes that no number of workers can shorten, and its length in milliseconds, given how long each node takes. O(V+E). */
export function criticalPath<Id extends string>(
  nodes: readonly GraphNode<Id>[],
  durationOf: (id: Id) => DurationMs,
): { readonly path: readonly Id[]; readonly totalMs: DurationMs } {
  const ends = new Map<Id, { readonly at: DurationMs; readonly after: Id | undefined }>();
  let last: Id | undefined;
  for (const node of topologicalOrder(nodes)) {
    const after = node.needs.reduce<Id | undefined>((latest, need) => (endOf(ends, need) > endOf(ends, latest) ? need : latest), undefined);
    ends.set(node.id, { at: Math.max(0, endOf(ends, after)) + durationOf(node.id), after });
    if (endOf(ends, node.id) > endOf(ends, last)) last = node.id;
  }
  const path: Id[] = [];
  for (let id = last; id !== undefined; id = ends.get(id)?.after) path.unshift(id);
  return { path, totalMs: last === undefined ? 0 : endOf(ends, last) };
}

/** When a node ends; before the start for none, so that a node of no length is still later than none. */
function endOf<Id>(ends: ReadonlyMap<Id, { readonly at: DurationMs }>, id: Id | undefined): DurationMs {
  return id === undefined ? -1 : (ends.get(id)?.at ?? -1);
}

/** What a step graph is made of, before it has a digest. */
export interface StepGraphParts {
  readonly name: string;
  readonly description: string;
  readonly nodes: readonly StepNode[];
  readonly plan: JsonObject;
  readonly inputs: JsonObject;
  readonly keepGoing: boolean;
}

/** Makes a step graph of its parts: checks its shape (`INPUT_INVALID` with every fault) and computes its digest over all of it. */
export function buildStepGraph(parts: StepGraphParts): StepGraph {
  assertStepGraph(parts);
  const { name, description, nodes, plan, inputs, keepGoing } = parts;
  return { ...parts, digest: digestOfJson({ name, description, nodes, plan, inputs, keepGoing } as unknown as JsonObject) };
}

/** Throws `INPUT_INVALID` listing every fault of a step graph's shape, guards included. */
export function assertStepGraph(graph: Pick<StepGraph, 'name' | 'nodes'>): void {
  const faults = findGraphFaults(graph.nodes);
  throwFaults(faults.length > 0 ? faults : findGuardFaults(graph.nodes), `runbook '${graph.name}'`);
}

/** A guard must watch existing steps, and none of them may be what it waits for or wait for its end: either would never start. */
function findGuardFaults(nodes: readonly StepNode[]): readonly GraphFault<StepId>[] {
  const ids = new Set(nodes.map(({ id }) => id));
  const ancestors = ancestorsOf(nodes);
  const faults: GraphFault<StepId>[] = [];
  for (const node of nodes) {
    for (const step of node.guard?.protects ?? []) {
      const fault = ids.has(step) ? guardFault(node, step, ancestors) : `guard '${node.id}' protects '${step}', which does not exist`;
      if (fault !== undefined) faults.push({ kind: 'guard', message: fault, nodes: [node.id, step] });
    }
  }
  return faults;
}

function guardFault(guard: StepNode, step: StepId, ancestors: AncestorsOf<StepId>): string | undefined {
  if (step === guard.id) return `guard '${guard.id}' protects itself`;
  if (ancestors(guard.id).has(step)) return `guard '${guard.id}' needs '${step}', which it protects, so it would start too late`;
  if (ancestors(step).has(guard.id)) return `'${step}' needs the guard '${guard.id}', which ends only after '${step}': protects is enough`;
  return undefined;
}

function throwFaults(faults: readonly GraphFault[], what: string): void {
  if (faults.length === 0) return;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${what} is not a graph that can run: ${faults.map((fault) => fault.message).join('; ')}`,
    details: { faults: faults.map((fault) => ({ kind: fault.kind, message: fault.message, nodes: fault.nodes })) },
  });
}

/** Walks depth first with an explicit stack, because a chain of ten thousand nodes would overflow the call stack. */
function findCycles<Id extends string>(byId: ReadonlyMap<Id, GraphNode<Id>>): readonly GraphFault<Id>[] {
  const done = new Set<Id>();
  const faults: GraphFault<Id>[] = [];
  for (const start of byId.keys()) {
    if (done.has(start)) continue;
    const path = [{ id: start, next: 0 }];
    const onPath = new Set<Id>([start]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = byId.get(top.id)?.needs[top.next++];
      if (need === undefined) {
        path.pop();
        onPath.delete(top.id);
        done.add(top.id);
      } else if (onPath.has(need)) {
        faults.push(
          cycleFault(
            path.map((frame) => frame.id),
            need,
          ),
        );
      } else if (!done.has(need) && byId.has(need)) {
        path.push({ id: need, next: 0 });
        onPath.add(need);
      }
    }
  }
  return faults;
}

/** Names the cycle in the order in which things would have to happen, which is the reverse of the way it was found. */
function cycleFault<Id extends string>(path: readonly Id[], back: Id): GraphFault<Id> {
  const cycle = [...path.slice(path.indexOf(back)), back].reverse();
  return { kind: 'cycle', message: `these wait for each other: ${cycle.join(' -> ')}`, nodes: cycle };
}
