import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ancestorsOf, assertStepGraph, buildStepGraph, criticalPath, findGraphFaults, topologicalOrder } from '../../../src/engine/graph.ts';
import { describeGate, renderGraphJson, renderGraphText, renderGraphviz } from '../../../src/engine/graph-render.ts';
import type { StepId } from '../../../src/model/ids.ts';
import { graphOf, node } from './run-harness.ts';
import { parseGraph } from './scenario.ts';

const messages = (nodes: Parameters<typeof findGraphFaults>[0]): readonly string[] => findGraphFaults(nodes).map((fault) => fault.message);

describe('the shape of a graph', () => {
  it('lists all faults at once, cycles by name and in order', () => {
    const nodes = [...parseGraph('A -> B -> C -> A, D -> E, F -> F'), { id: 'D', needs: ['X', 'Y'] }];
    expect(messages(nodes)).toEqual([
      "node 'D' is declared twice",
      "'D' needs 'X', which does not exist",
      "'D' needs 'Y', which does not exist",
      expect.stringMatching(/^these wait for each other: (A -> B -> C -> A|B -> C -> A -> B|C -> A -> B -> C)$/),
      'these wait for each other: F -> F',
    ]);
  });

  it('finds a cycle behind a chain of 100,000 nodes', () => {
    const nodes = Array.from({ length: 100_000 }, (_, i) => ({ id: `n${i}`, needs: [`n${i + 1}`] }));
    nodes.push({ id: 'n100000', needs: ['n99999'] });
    expect(messages(nodes)).toEqual(['these wait for each other: n99999 -> n100000 -> n99999']);
  });

  it('orders nodes after their needs, otherwise as given', () => {
    expect(topologicalOrder(parseGraph('C -> A, B, D -> C')).map((each) => each.id)).toEqual(['B', 'D', 'C', 'A']);
  });

  it('orders any graph without faults, and finds faults in any with a cycle', () => {
    const edges = fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 25 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const nodes = Array.from({ length: 10 }, (_, i) => ({ id: i.toString(), needs: pairs.filter(([to]) => to === i).map(([, from]) => from.toString()) }));
        const order = topologicalOrder(nodes).map((each) => each.id);
        const cyclic = order.length < nodes.length;
        expect(findGraphFaults(nodes).length > 0).toBe(cyclic);
        for (const { id, needs } of nodes) for (const need of needs) if (!cyclic) expect(order.indexOf(need)).toBeLessThan(order.indexOf(id));
      }),
    );
  });

  it('knows all ancestors', () => {
    const ancestors = ancestorsOf(parseGraph('A -> B+C -> D -> E, F'));
    expect([...ancestors('E')].sort()).toEqual(['A', 'B', 'C', 'D']);
    expect([...ancestors('F')]).toEqual([]);
  });

  it('knows the chain that nothing can shorten', () => {
    const length: Record<string, number> = { A: 5, B: 1, C: 9, D: 2, E: 10 };
    expect(criticalPath(parseGraph('A -> B+C -> D, E'), (id) => length[id] ?? 0)).toEqual({ path: ['A', 'C', 'D'], totalMs: 16 });
    expect(criticalPath([], () => 1)).toEqual({ path: [], totalMs: 0 });
  });
});

describe('a step graph', () => {
  const guard = (protects: readonly string[], needs: readonly string[] = []): ReturnType<typeof node> =>
    node('g', { needs, guard: { protects: protects as StepId[] } });

  it.each([
    ['a step that does not exist', [guard(['x'])], "guard 'g' protects 'x', which does not exist"],
    ['itself', [guard(['g'])], "guard 'g' protects itself"],
    ['what it needs', [node('a'), guard(['a'], ['a'])], "guard 'g' needs 'a', which it protects, so it would start too late"],
    ['what waits for its end', [guard(['b']), node('b', { needs: ['g'] })], "'b' needs the guard 'g', which ends only after 'b': protects is enough"],
  ])('refuses a guard that protects %s', (_what, nodes, message) => {
    expect(() => assertStepGraph({ name: 'test', nodes })).toThrow(message);
  });

  it('has a digest over all of it, whatever the order of keys', () => {
    const parts = { name: 'n', description: 'd', nodes: [node('a')], plan: { x: 1, y: 2 }, inputs: {}, keepGoing: false };
    const { digest } = buildStepGraph(parts);
    expect(buildStepGraph({ ...parts, plan: { y: 2, x: 1 } }).digest).toBe(digest);
    const others = [{ plan: { x: 2 } }, { inputs: { i: 1 } }, { keepGoing: true }, { name: 'm' }, { nodes: [node('a', { timeoutMs: 1 })] }];
    expect(new Set([digest, ...others.map((other) => buildStepGraph({ ...parts, ...other }).digest)]).size).toBe(6);
  });
});

describe('rendering a graph', () => {
  const graph = graphOf([
    node('a', { timeoutMs: 90_000 }),
    node('b', { needs: ['a'], gate: { reason: 'it destroys', confirm: 'cluster' }, group: { name: 'etcd', limit: 1 }, safety: true }),
    node('g', { needs: ['a'], guard: { protects: ['b' as StepId] }, risk: 'read-only' }),
    node('c', { needs: ['b'], if: 'plan.dns', skipped: 'not in drills', always: true }),
  ]);

  it('as text', () => {
    expect(renderGraphText(graph)).toMatchInlineSnapshot(`
      "test: 
      1. a  makes a (test/thing)
         destructive, at most 1 min 30 s
      2. b  makes b (test/thing)
         after a
         gate: the cluster's name must be typed (it destroys)
         destructive, safety step, at most 1 min 0 s, 1 at a time in group etcd
      3. g  makes g (test/thing)
         after a
         watches while b run; a violation stops them
         read-only, at most 1 min 0 s
      4. c  makes c (test/thing)
         skipped: not in drills
         after b
         only if plan.dns
         always, also after a failure
         destructive, at most 1 min 0 s
      "
    `);
  });

  it('for Graphviz', () => {
    expect(renderGraphviz(graph)).toMatchInlineSnapshot(`
      "digraph "test" {
        rankdir=LR;
        node [shape=box, fontname="sans-serif"];
        "a" [label="a\\ntest/thing", color="red"];
        "b" [label="b\\ntest/thing", color="red", peripheries=2];
        "g" [label="g\\ntest/thing"];
        "c" [label="c\\ntest/thing", color="red", style=dashed];
        "a" -> "b";
        "a" -> "g";
        "b" -> "c";
        "g" -> "b" [style=dotted, label="guards"];
      }
      "
    `);
  });

  it('as JSON that has every step in an order in which they can run', () => {
    const json = JSON.parse(JSON.stringify(renderGraphJson(graph)));
    expect(json).toMatchObject({ name: 'test', digest: graph.digest });
    expect(json.steps.map((step: { id: string }) => step.id)).toEqual(['a', 'b', 'g', 'c']);
  });

  it('says what each kind of gate asks for', () => {
    expect(describeGate({ reason: 'why', approve: 1 })).toBe('a person must approve (why)');
    expect(describeGate({ reason: 'why', attest: 'it is off' })).toBe('a person must state: it is off (why)');
  });
});
