import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { type ApplyGraph, edgesOf } from '../../../src/specs/dependencies.ts';
import { core, graphOf, lattice, service } from './objects.ts';

/** What a random service declares: whom it calls (cycles welcome), whose volume it mounts, whose port it is given, which secrets it reads. */
interface Wish {
  readonly calls: readonly number[];
  readonly mounts: readonly number[];
  readonly ports: readonly number[];
  readonly secrets: readonly number[];
}

const COUNT = 8;
const some = fc.uniqueArray(fc.integer({ min: 0, max: COUNT - 1 }), { maxLength: 3 });
const wishes: fc.Arbitrary<readonly Wish[]> = fc.array(fc.record({ calls: some, mounts: some, ports: some, secrets: some }), {
  minLength: COUNT,
  maxLength: COUNT,
});

function build(all: readonly Wish[]): readonly KubeObject[] {
  const services = all.map((wish, index) => {
    const resources = {
      own: { type: 'volume', id: `v${index}`, params: { size: '1Gi' } },
      ...Object.fromEntries(wish.calls.map((to) => [`call${to}`, { type: 'service', id: `s${to}`, direction: 'both' }])),
      ...Object.fromEntries(wish.mounts.map((to) => [`vol${to}`, { type: 'volume', id: `v${to}` }])),
      ...Object.fromEntries(wish.ports.map((to) => [`p${to}`, { type: 'service', id: `s${to}` }])),
      ...Object.fromEntries(
        wish.secrets.map((to) => [`k${to}`, { type: 'secret', id: `k${to}`, params: { provider: to % 2 === 0 ? 'vault' : 'lattice-local' } }]),
      ),
    };
    const containers = { main: { command: ['/a'], args: wish.ports.map((to) => `\${resources.p${to}.port}`) } };
    return lattice('LatticeService', `shop/s${index}`, { workload: { containers, resources } });
  });
  const secrets = all.map((_, index) => core('Secret', `lattice-secrets/k${index}`));
  const platform = [
    core('Namespace', 'shop'),
    lattice('SecretProvider', 'vault', { provider: {} }),
    lattice('CedarPolicy', 'c1'),
    lattice('CedarPolicy', 'c2'),
  ];
  return [
    ...services,
    ...secrets,
    ...platform,
    lattice('LatticeQuota', 'q', {}),
    lattice('LatticeClusterBackup', 'b', { storeRef: 's' }),
    lattice('BackupStore', 's', {}),
  ];
}

/** Ids of all nodes that must have ended before a node starts. */
function ancestorsOf(graph: ApplyGraph): ReadonlyMap<string, ReadonlySet<string>> {
  const ancestors = new Map<string, Set<string>>();
  for (const node of graph.nodes) {
    const all = new Set<string>();
    for (const need of node.needs) {
      all.add(need);
      for (const further of ancestors.get(need) ?? []) all.add(further);
    }
    ancestors.set(node.id, all);
  }
  return ancestors;
}

/** The edges a set of wishes means, by plain reading: what the graph must hold at least. */
function expectedEdges(all: readonly Wish[]): readonly (readonly [string, string, 'applied' | 'ready'])[] {
  const name = (index: number): string => `lattice.dev/LatticeService shop/s${index}`;
  return all.flatMap((wish, index) => [
    [name(index), 'Namespace shop', 'applied'] as const,
    [name(index), 'lattice.dev/LatticeQuota lattice-system/q', 'applied'] as const,
    ...wish.mounts.filter((to) => to !== index).map((to) => [name(index), name(to), 'ready'] as const),
    ...wish.ports.filter((to) => to !== index).map((to) => [name(index), name(to), 'applied'] as const),
    ...wish.secrets.map((to) =>
      to % 2 === 0
        ? ([name(index), 'lattice.dev/SecretProvider lattice-system/vault', 'ready'] as const)
        : ([name(index), `Secret lattice-secrets/k${to}`, 'applied'] as const),
    ),
    ...(wish.secrets.length === 0 ? [] : ['c1', 'c2'].map((policy) => [name(index), `lattice.dev/CedarPolicy lattice-system/${policy}`, 'ready'] as const)),
  ]);
}

describe('apply graphs of random platforms', () => {
  it('lose no edge: each is in the list of edges, and either orders nodes or is listed as relaxed', () => {
    fc.assert(
      fc.property(wishes, (all) => {
        const graph = graphOf(build(all));
        const ancestors = ancestorsOf(graph);
        const edges = edgesOf(graph);
        const nodeOf = new Map(graph.nodes.filter(({ kind }) => kind === 'apply').flatMap((node) => node.objects.map(({ key }) => [key, node.id] as const)));
        const relaxed = new Set(graph.relaxed.map(({ from, to }) => `${from} ${to}`));
        for (const [from, to, wait] of expectedEdges(all)) {
          expect(edges.some((edge) => edge.from === from && edge.to === to && edge.wait === wait)).toBe(true);
          const before = ancestors.get(nodeOf.get(from) ?? '');
          const ordered = wait === 'ready' ? before?.has(`ready ${to}`) : before?.has(nodeOf.get(to) ?? '');
          expect(ordered === true || relaxed.has(`${from} ${to}`)).toBe(true);
        }
      }),
    );
  });

  it('apply every object exactly once', () => {
    fc.assert(
      fc.property(wishes, (all) => {
        const objects = build(all);
        const keys = graphOf(objects)
          .nodes.filter(({ kind }) => kind === 'apply')
          .flatMap((node) => node.objects.map(({ key }) => key));
        expect(keys).toHaveLength(objects.length);
        expect(new Set(keys).size).toBe(objects.length);
      }),
    );
  });

  it('are acyclic and listed in order, whatever cycles there are in the wishes', () => {
    fc.assert(
      fc.property(wishes, (all) => {
        const seen = new Set<string>();
        for (const node of graphOf(build(all)).nodes) {
          for (const need of node.needs) expect(seen.has(need)).toBe(true);
          expect(seen.has(node.id)).toBe(false);
          seen.add(node.id);
        }
      }),
    );
  });

  it('relax an edge only within a cycle that blocks', () => {
    fc.assert(
      fc.property(wishes, (all) => {
        const graph = graphOf(build(all));
        const batch = new Map(graph.nodes.filter(({ kind }) => kind === 'apply').flatMap((node) => node.objects.map(({ key }) => [key, node.id] as const)));
        for (const edge of graph.relaxed) {
          expect(edge.because).toBe('cycle');
          expect(batch.get(edge.from)).toBe(batch.get(edge.to));
        }
      }),
    );
  });

  it('let services that only call each other go at once', () => {
    fc.assert(
      fc.property(fc.array(some, { minLength: COUNT, maxLength: COUNT }), (calls) => {
        const services = calls.map((targets, index) =>
          service(`shop/s${index}`, Object.fromEntries(targets.map((to) => [`s${to}`, { type: 'service', direction: 'both' }]))),
        );
        const graph = graphOf([core('Namespace', 'shop'), ...services]);
        for (const node of graph.nodes) expect(node.needs.filter((need) => need !== 'apply Namespace shop')).toEqual([]);
      }),
    );
  });

  it('do not depend on the order of files', () => {
    fc.assert(
      fc.property(wishes, fc.infiniteStream(fc.nat()), (all, numbers) => {
        const objects = build(all);
        const shuffled = objects
          .map((object) => ({ object, rank: numbers.next().value ?? 0 }))
          .toSorted((a, b) => a.rank - b.rank)
          .map(({ object }) => object);
        const shape = (graph: ApplyGraph) => graph.nodes.map(({ id, needs }) => `${id} <- ${needs.toSorted().join(', ')}`).toSorted();
        expect(shape(graphOf(shuffled))).toEqual(shape(graphOf(objects)));
      }),
    );
  });
});

describe('size', () => {
  it('stays linear: 10,000 services under 50 policies', () => {
    const policies = Array.from({ length: 50 }, (_, index) => lattice('CedarPolicy', `c${index}`));
    const services = Array.from({ length: 10_000 }, (_, index) =>
      service(`shop/s${index}`, { k: { type: 'secret', params: { provider: 'vault' } }, next: { type: 'service', id: `s${(index + 1) % 10_000}` } }),
    );
    const graph = graphOf([core('Namespace', 'shop'), lattice('SecretProvider', 'vault', {}), ...policies, ...services]);
    const needs = graph.nodes.reduce((total, node) => total + node.needs.length, 0);
    expect(needs).toBe(10_000 * 3 + 50 + 50 + 1);
  });
});
