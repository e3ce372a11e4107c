import { describe, expect, it } from 'vitest';
import { schedule } from '../../../src/engine/schedule.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { play, type Scenario } from './scenario.ts';

interface Row extends Scenario {
  readonly what: string;
  readonly starts: readonly string[];
  readonly states?: Readonly<Record<string, string>>;
  readonly reasons?: Readonly<Record<string, string>>;
}

const ROWS: readonly Row[] = [
  { what: 'one node', graph: 'A', starts: ['0 A'], states: { A: 'succeeded' } },
  { what: 'two chains side by side', graph: 'A -> B, C -> D', starts: ['0 A', '0 C', '10 B', '10 D'] },
  {
    what: 'a node starts the moment its last need ends, not with its wave',
    graph: 'A -> B -> D, C',
    nodes: { C: { ms: 100 }, A: { ms: 5 } },
    starts: ['0 A', '0 C', '5 B', '15 D'],
  },
  { what: 'a diamond', graph: 'A -> B+C -> D', nodes: { B: { ms: 30 } }, starts: ['0 A', '10 B', '10 C', '40 D'] },
  { what: 'the total limit', graph: 'A, B, C, D', total: 2, starts: ['0 A', '0 B', '10 C', '10 D'] },
  {
    what: 'a group limit lets others pass',
    graph: 'A, B, C, D',
    groups: { slow: 1 },
    nodes: { A: { group: 'slow' }, B: { group: 'slow' }, C: { group: 'slow' } },
    starts: ['0 A', '0 D', '10 B', '20 C'],
  },
  {
    what: 'both limits at once',
    graph: 'A, B, C, D, E',
    total: 2,
    groups: { slow: 1 },
    nodes: { A: { group: 'slow' }, B: { group: 'slow' }, C: { ms: 5 }, D: { ms: 5 }, E: { ms: 5 } },
    starts: ['0 A', '0 C', '5 D', '10 B', '10 E'],
  },
  {
    what: 'a failure blocks its descendants and names itself',
    graph: 'A -> B -> C, D -> E',
    nodes: { A: { becomes: 'failed' } },
    starts: ['0 A', '0 D', '10 E'],
    states: { A: 'failed', B: 'blocked', C: 'blocked', D: 'succeeded', E: 'succeeded' },
    reasons: { B: "needs 'A', which failed", C: "needs 'A', which failed" },
  },
  { what: 'work that throws has failed', graph: 'A -> B', nodes: { A: { becomes: 'throws' } }, starts: ['0 A'], states: { A: 'failed', B: 'blocked' } },
  {
    what: 'without keepGoing a failure stops independent branches, but running nodes end',
    graph: 'A -> B, C -> D',
    keepGoing: false,
    nodes: { A: { becomes: 'failed' }, C: { ms: 50 } },
    starts: ['0 A', '0 C'],
    states: { A: 'failed', B: 'blocked', C: 'succeeded', D: 'blocked' },
    reasons: { B: "needs 'A', which failed", D: "not started because 'A' failed" },
  },
  {
    what: 'without keepGoing queued nodes do not start either',
    graph: 'A, B, C',
    keepGoing: false,
    total: 1,
    nodes: { A: { becomes: 'failed' } },
    starts: ['0 A'],
    states: { A: 'failed', B: 'blocked', C: 'blocked' },
  },
  {
    what: 'order passes through a skipped node',
    graph: 'A -> B -> C',
    nodes: { B: { becomes: 'skipped' } },
    starts: ['0 A', '10 B', '20 C'],
    states: { A: 'succeeded', B: 'skipped', C: 'succeeded' },
  },
  {
    what: 'an always node runs after a failure, once its needs are final',
    graph: 'A -> B -> Z, C -> Z',
    keepGoing: false,
    nodes: { A: { becomes: 'failed' }, C: { ms: 40 }, Z: { always: true } },
    starts: ['0 A', '0 C', '40 Z'],
    states: { A: 'failed', B: 'blocked', C: 'succeeded', Z: 'succeeded' },
  },
  {
    what: 'what needs an always node is still a descendant of the failure',
    graph: 'A -> Z -> D',
    nodes: { A: { becomes: 'failed' }, Z: { always: true } },
    starts: ['0 A', '10 Z'],
    states: { A: 'failed', Z: 'succeeded', D: 'blocked' },
    reasons: { D: "needs 'A', which failed" },
  },
  {
    what: 'a node that waits for a person blocks what needs it, always nodes too, and nothing else',
    graph: 'A -> B -> Z, C -> D',
    keepGoing: false,
    nodes: { A: { becomes: 'waiting' }, Z: { always: true } },
    starts: ['0 A', '0 C', '10 D'],
    states: { A: 'waiting', B: 'blocked', C: 'succeeded', D: 'succeeded', Z: 'blocked' },
    reasons: { B: "needs 'A', which waits for a person", Z: "needs 'A', which waits for a person" },
  },
  {
    what: 'a wait behind an always node outweighs a failure that came first',
    graph: 'A+B -> Z',
    nodes: { A: { becomes: 'failed', ms: 1 }, B: { becomes: 'waiting' }, Z: { always: true } },
    starts: ['0 A', '0 B'],
    states: { A: 'failed', B: 'waiting', Z: 'blocked' },
  },
  {
    what: 'a cancel ends running nodes, starts nothing but always nodes',
    graph: 'A -> B, C -> Z, Q',
    total: 2,
    cancelAtMs: 5,
    nodes: { Z: { always: true } },
    starts: ['0 A', '0 C', '5 Z'],
    states: { A: 'cancelled', B: 'cancelled', C: 'cancelled', Q: 'cancelled', Z: 'succeeded' },
  },
];

describe('schedule', () => {
  it.each(ROWS)('$what: $graph', async (row) => {
    const result = await play(row);
    expect(result.starts).toEqual(row.starts);
    if (row.states !== undefined) expect(result.states).toEqual(row.states);
    for (const [id, reason] of Object.entries(row.reasons ?? {})) expect(result.ends.get(id)).toMatchObject({ reason });
  });

  it('does nothing before its start when it is cancelled already, but for always nodes', async () => {
    const signal = AbortSignal.abort();
    const result = await play({ graph: 'A -> B, Z', nodes: { Z: { always: true } } }, { signal });
    expect(result.starts).toEqual(['0 Z']);
    expect(result.states).toEqual({ A: 'cancelled', B: 'cancelled', Z: 'succeeded' });
  });

  it('resolves at once for a graph without nodes', async () => {
    const none = await schedule({ graph: [], limits: { total: 1 }, signal: new AbortController().signal, work: async () => ({ state: 'succeeded' }) });
    expect(none.size).toBe(0);
  });

  it('counts a need that is named twice once', async () => {
    const order: string[] = [];
    const nodes = [
      { id: 'A', needs: [] },
      { id: 'B', needs: ['A', 'A'] },
    ];
    await schedule({
      graph: nodes,
      limits: { total: 1 },
      signal: new AbortController().signal,
      work: async ({ id }) => (order.push(id), { state: 'succeeded' }),
    });
    expect(order).toEqual(['A', 'B']);
  });

  it('asks for admission without taking a slot, and a refusal ends the node', async () => {
    const asked = Promise.withResolvers<undefined>();
    const result = await play(
      { graph: 'A, B -> C, D', total: 1 },
      {
        admit: async (node) => {
          if (node.id === 'A') return await asked.promise;
          if (node.id === 'D') asked.resolve(undefined);
          return node.id === 'B' ? { state: 'skipped', reason: 'no' } : undefined;
        },
      },
    );
    expect(result.states).toEqual({ A: 'succeeded', B: 'skipped', C: 'succeeded', D: 'succeeded' });
    expect(result.peaks['all']).toBe(1);
  });

  it('withdraws a question when a failure stops the schedule', async () => {
    const result = await play(
      { graph: 'A, B', keepGoing: false, nodes: { A: { becomes: 'failed' } } },
      {
        admit: (node, signal) =>
          node.id === 'A' ? Promise.resolve(undefined) : new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true })),
      },
    );
    expect(result.ends.get('B')).toEqual({ state: 'blocked', reason: "not started because 'A' failed", cause: 'A' });
  });

  it.each([
    ['a cycle', { graph: 'A -> B -> C -> A' }, 'A -> B -> C -> A'],
    ['a need that does not exist', { graph: 'A', nodes: { A: { needs: ['X'] } } }, "'A' needs 'X', which does not exist"],
  ] as const)('refuses %s and starts nothing', async (_what, scenario, words) => {
    await expect(play(scenario)).rejects.toMatchObject({ code: 'INPUT_INVALID', message: expect.stringContaining(words) });
  });

  it.each([{ limits: { total: 0 } }, { limits: { total: 1, groups: { g: 0 } } }, { limits: { total: 1 } }])(
    'refuses limits that cannot work: %j',
    async ({ limits }) => {
      const graph = [{ id: 'A', needs: [], group: 'g' }];
      const run = schedule({ graph, limits, signal: new AbortController().signal, work: async () => ({ state: 'succeeded' }) });
      await expect(run).rejects.toMatchObject({ code: 'BUG' });
    },
  );

  it('schedules a chain and a fan of 20,000 nodes without recursion or rescans', async () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => ({ id: `c${i}`, needs: i === 0 ? [] : [`c${i - 1}`] }));
    const fan = Array.from({ length: 10_000 }, (_, i) => ({ id: `f${i}`, needs: ['c0'], group: 'fan' }));
    let runs = 0;
    const started = performance.now();
    const ends = await schedule({
      graph: [...chain, ...fan],
      limits: { total: 32, groups: { fan: 16 } },
      signal: new AbortController().signal,
      work: async () => ((runs += 1), { state: 'succeeded' }),
    });
    expect([runs, ends.size]).toEqual([20_000, 20_000]);
    // Quadratic work would take minutes; the bound is far from what linear work takes.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('blocks a chain of 10,000 behind a failure', async () => {
    const graph = Array.from({ length: 10_000 }, (_, i) => ({ id: `c${i}`, needs: i === 0 ? [] : [`c${i - 1}`] }));
    const error = new DrError({ code: 'STEP_FAILED', message: 'no' });
    const ends = await schedule({ graph, limits: { total: 4 }, signal: new AbortController().signal, work: async () => ({ state: 'failed', error }) });
    expect(ends.get('c9999')).toMatchObject({ state: 'blocked', cause: 'c0' });
  });
});
