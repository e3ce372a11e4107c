import type { Held, ToApply } from './classify.ts';
import { type Deferred, holdBack } from './hold-back.ts';
import { ruleFor } from './profile.ts';
import { targetKey, type Wait } from './references.ts';
import { type DependencyInput, type Edge, type GroupReference, resolveReferences, type UnresolvedReference } from './resolve-references.ts';
import { strongComponents } from './strong-components.ts';

/** A node of the apply graph, in the form the scheduler takes. */
export interface ApplyNode {
  readonly id: string;
  /** `apply`: send the objects. `ready`: wait until `object` is ready. `gather`: nothing to do; its needs stand for a group. */
  readonly kind: 'apply' | 'ready' | 'gather';
  /** Group of the scheduler: `apply` nodes share the server's limit; waiting and gathering cost nothing and need a limit as high as their number. */
  readonly group: 'apply' | 'wait';
  readonly needs: readonly string[];
  /** Objects to apply, one, or all members of a cycle that go together; the one to wait for; empty for `gather`. */
  readonly objects: readonly ToApply[];
}

/** A blocking reference that lies within one batch, or that waits for less because its target cannot become ready yet. */
export interface RelaxedEdge extends Edge {
  readonly because: 'cycle' | 'deferred' | 'held';
}

/** Everything the scheduler and a plan need to know about order. */
export interface ApplyGraph {
  /** Every node after its needs; lower tiers first where the order is free. */
  readonly nodes: readonly ApplyNode[];
  /** Blocking edges between objects that are applied. */
  readonly edges: readonly Edge[];
  /** References of applied objects to all objects of a kind; `edgesOf` expands them. */
  readonly groups: readonly GroupReference[];
  readonly relaxed: readonly RelaxedEdge[];
  readonly unresolved: readonly UnresolvedReference[];
  readonly deferred: readonly Deferred[];
  /** Objects that wait for a hold because they need something held. Not in `nodes`. */
  readonly heldBack: readonly Held[];
}

/**
 * Computes the order in which objects are applied: only edges that block, no waves. Cycles of blocking edges become one batch; services that only talk to each
 * other have no edge at all, so a cycle of agreements never waits. Every reference ends in `nodes`, `relaxed`, `unresolved`, `deferred` or `heldBack`, or
 * is known to exist.
 */
export function applyGraph(input: DependencyInput): ApplyGraph {
  const resolved = resolveReferences(input);
  const { held, deferred } = holdBack({ ...input, toHeld: resolved.toHeld, edges: resolved.edges });
  const heldKeys = new Set(held.map((item) => item.key));
  const items = input.apply.filter((item) => !heldKeys.has(item.key));
  const builder = new GraphBuilder(items, { held: heldKeys, deferred: new Set(deferred.map((item) => item.key)) });
  for (const edge of resolved.edges) builder.edge(edge);
  for (const group of resolved.groups) builder.group(group);
  for (const edge of resolved.toHeld) if (!heldKeys.has(edge.from)) builder.relax(edge, 'held');
  builder.last(items.filter((item) => ruleFor(input.profile, item.object)?.last === true));
  const edges = resolved.edges.filter((edge) => !heldKeys.has(edge.from) && !heldKeys.has(edge.to));
  const groups = resolved.groups.filter((group) => !heldKeys.has(group.from));
  const tier = (item: ToApply): number => ruleFor(input.profile, item.object)?.tier ?? input.profile.unknown.tier;
  return { nodes: builder.nodes(tier), edges, groups, relaxed: builder.relaxed, unresolved: resolved.unresolved, deferred, heldBack: held };
}

/** All blocking edges of a graph, those to groups one by one. For showing and checking; a scheduler needs only the nodes. */
export function edgesOf(graph: Pick<ApplyGraph, 'edges' | 'groups'>): readonly Edge[] {
  return [...graph.edges, ...expandGroups(graph.groups)];
}

function expandGroups(groups: readonly GroupReference[]): readonly Edge[] {
  return groups.flatMap(({ from, members, field, wait, reason }) => members.map((to) => ({ from, to, field, wait, reason, need: 'optional' as const })));
}

interface Waiting {
  readonly vertex: number;
  readonly wait: Wait;
}

/** Collects vertices (objects and gatherings) and edges, then cuts cycles into batches. */
class GraphBuilder {
  readonly relaxed: RelaxedEdge[] = [];
  readonly #items: readonly ToApply[];
  readonly #vertexOf: ReadonlyMap<string, number>;
  readonly #names: string[];
  readonly #edges: Waiting[][];
  readonly #labels = new Map<number, Edge[]>();
  readonly #gatherings = new Map<string, number>();
  readonly #aside: { readonly held: ReadonlySet<string>; readonly deferred: ReadonlySet<string> };

  constructor(items: readonly ToApply[], aside: { readonly held: ReadonlySet<string>; readonly deferred: ReadonlySet<string> }) {
    this.#items = items;
    this.#aside = aside;
    this.#names = items.map((item) => item.key);
    this.#vertexOf = new Map(items.map((item, vertex) => [item.key, vertex]));
    this.#edges = items.map(() => []);
  }

  edge(edge: Edge): void {
    const from = this.#vertexOf.get(edge.from);
    if (from === undefined) return; // It is held back itself, and listed there.
    const to = this.#vertexOf.get(edge.to);
    if (to === undefined) {
      this.relax(edge, 'held');
      return;
    }
    const labels = this.#labels.get(from);
    if (labels === undefined) this.#labels.set(from, [edge]);
    else labels.push(edge);
    this.#edges[from]?.push({ vertex: to, wait: this.#possibleWait(edge) });
  }

  group(reference: GroupReference): void {
    const from = this.#vertexOf.get(reference.from);
    if (from === undefined) return;
    if (reference.members.length === 1) {
      for (const to of reference.members) this.edge({ ...reference, to, need: 'optional' });
      return;
    }
    const name = `gather ${targetKey(reference.target)} ${reference.wait}`;
    this.#edges[from]?.push({ vertex: this.#gathering(name, reference), wait: 'applied' });
  }

  relax(edge: Edge, because: RelaxedEdge['because']): void {
    this.relaxed.push({ ...edge, because });
  }

  /** Makes the given objects wait until all others have been applied. */
  last(items: readonly ToApply[]): void {
    if (items.length === 0) return;
    const late = new Set(items.map((item) => item.key));
    const others = this.#items.filter((item) => !late.has(item.key));
    if (others.length === 0) return;
    const vertex = this.#vertex(
      'gather everything else',
      others.map((item) => ({ vertex: this.#vertexOf.get(item.key) ?? 0, wait: 'applied' as const })),
    );
    for (const item of items) this.#edges[this.#vertexOf.get(item.key) ?? 0]?.push({ vertex, wait: 'applied' });
  }

  #possibleWait(edge: Edge): Wait {
    if (edge.wait === 'applied' || !this.#aside.deferred.has(edge.to)) return edge.wait;
    this.relax(edge, 'deferred');
    return 'applied';
  }

  #gathering(name: string, reference: GroupReference): number {
    const known = this.#gatherings.get(name);
    if (known !== undefined) return known;
    const edges = expandGroups([reference]);
    const needs = edges.flatMap((edge): Waiting[] => {
      const to = this.#vertexOf.get(edge.to);
      if (to !== undefined) return [{ vertex: to, wait: this.#possibleWait(edge) }];
      this.relax(edge, 'held');
      return [];
    });
    const vertex = this.#vertex(name, needs);
    this.#labels.set(vertex, [...edges]);
    this.#gatherings.set(name, vertex);
    return vertex;
  }

  #vertex(name: string, needs: Waiting[]): number {
    this.#names.push(name);
    this.#edges.push(needs);
    return this.#names.length - 1;
  }

  /** Nodes in an order in which each comes after its needs. */
  nodes(tier: (item: ToApply) => number): readonly ApplyNode[] {
    const components = strongComponents(this.#edges.map((targets) => targets.map(({ vertex }) => vertex)));
    const ids = components.map((component) => this.#idOf(component));
    const componentOf = new Int32Array(this.#names.length);
    for (const [index, component] of components.entries()) for (const vertex of component) componentOf[vertex] = index;
    const waitedFor = new Set(
      this.#edges
        .flat()
        .filter(({ wait }) => wait === 'ready')
        .map(({ vertex }) => vertex),
    );
    const nodes = components.flatMap((component, index) => {
      this.#relaxWithin(component, componentOf);
      const apply = this.#applyNode(component, { index, componentOf, ids });
      return [apply, ...component.filter((vertex) => waitedFor.has(vertex)).flatMap((vertex) => this.#readyNode(vertex, apply.id))];
    });
    return orderByTier(nodes, tier);
  }

  #idOf(component: readonly number[]): string {
    const names = component
      .map((vertex) => this.#names[vertex] ?? '')
      .filter((name) => this.#vertexOf.has(name))
      .sort();
    const [first = this.#names[component[0] ?? 0] ?? ''] = names;
    if (names.length === 0) return first;
    return names.length === 1 ? `apply ${first}` : `apply ${first} and ${names.length - 1} more`;
  }

  #applyNode(component: readonly number[], all: { readonly index: number; readonly componentOf: Int32Array; readonly ids: readonly string[] }): ApplyNode {
    const needs = new Set<string>();
    for (const { vertex, wait } of component.flatMap((member) => this.#edges[member] ?? [])) {
      const target = all.componentOf[vertex] ?? 0;
      if (target === all.index) continue;
      needs.add(wait === 'ready' ? `ready ${this.#names[vertex]}` : (all.ids[target] ?? ''));
    }
    const objects = component.flatMap((vertex) => this.#items[vertex] ?? []);
    const kind = objects.length === 0 ? 'gather' : 'apply';
    return { id: all.ids[all.index] ?? '', kind, group: kind === 'apply' ? 'apply' : 'wait', needs: [...needs], objects };
  }

  #readyNode(vertex: number, applied: string): readonly ApplyNode[] {
    const item = this.#items[vertex];
    return item === undefined ? [] : [{ id: `ready ${item.key}`, kind: 'ready', group: 'wait', needs: [applied], objects: [item] }];
  }

  #relaxWithin(component: readonly number[], componentOf: Int32Array): void {
    if (component.length < 2) return;
    for (const vertex of component) {
      for (const edge of this.#labels.get(vertex) ?? []) {
        const to = this.#vertexOf.get(edge.to);
        if (to !== undefined && componentOf[to] === componentOf[vertex]) this.relax(edge, 'cycle');
      }
    }
  }
}

/** Sorts topologically; among nodes that are free, lower tiers first, so that a scheduler that starts them in order starts providers before services. */
function orderByTier(nodes: readonly ApplyNode[], tierOf: (item: ToApply) => number): readonly ApplyNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const depth = new Map<string, number>();
  for (const node of nodes) {
    const own = Math.min(...node.objects.map(tierOf), Number.MAX_SAFE_INTEGER);
    const needs = Math.max(-1, ...node.needs.filter((id) => byId.has(id)).map((id) => depth.get(id) ?? -1));
    depth.set(node.id, Math.max(own === Number.MAX_SAFE_INTEGER ? 0 : own, needs));
  }
  const position = new Map(nodes.map((node, index) => [node.id, index]));
  return nodes.toSorted((a, b) => (depth.get(a.id) ?? 0) - (depth.get(b.id) ?? 0) || (position.get(a.id) ?? 0) - (position.get(b.id) ?? 0));
}
