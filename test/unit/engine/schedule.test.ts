import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { ancestorsOf } from '../../../src/engine/graph.ts';
import { schedule } from '../../../src/engine/schedule.ts';
import { play, type Scenario, type ScenarioNode } from './scenario.ts';

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
    const nodes = [{ id: 'A', needs: [] }, { id: 'B', needs: ['A', 'A'] }];
    await schedule({ graph: nodes, limits: { total: 1 }, signal: new AbortController().signal, work: async ({ id }) => (order.push(id), { state: 'succeeded' }) });
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

  it.each([{ limits: { total: 0 } }, { limits: { total: 1, groups: { g: 0 } } }, { limits: { total: 1 } }])('refuses limits that cannot work: %j', async ({ limits }) => {
    const graph = [{ id: 'A', needs: [], group: 'g' }];
    const run = schedule({ graph, limits, signal: new AbortController().signal, work: async () => ({ state: 'succeeded' }) });
    await expect(run).rejects.toMatchObject({ code: 'BUG' });
  });

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

const scenarios = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc.record({
    nodes: fc.tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.record({
          needs: index === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.nat(index - 1), { maxLength: 4 }),
          ms: fc.integer({ min: 0, max: 40 }),
          becomes: fc.oneof({ weight: 8, arbitrary: fc.constant('succeeded' as const) }, fc.constantFrom('failed', 'skipped', 'waiting', 'throws') as fc.Arbitrary<ScenarioNode['becomes']>),
          always: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
          group: fc.constantFrom(undefined, 'g', 'h'),
        }),
      ),
    ),
    total: fc.integer({ min: 1, max: 6 }),
    keepGoing: fc.boolean(),
    cancelAtMs: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
  }),
);

describe('schedule on random graphs', () => {
  it('never starts a node before its ancestors are final, keeps the limits, and gives every node an end', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, async ({ nodes, total, keepGoing, cancelAtMs }) => {
        const named = nodes.map(({ needs, group, ...node }, index) => ({ ...node, id: `n${index}`, needs: needs.map((need: number) => `n${need}`), ...(group === undefined ? {} : { group }) }));
        const result = await play({
          graph: named.map((node) => node.id).join(', '),
          nodes: Object.fromEntries(named.map((node) => [node.id, node])),
          total,
          groups: { g: 1, h: 2 },
          keepGoing,
          ...(cancelAtMs === undefined ? {} : { cancelAtMs }),
        });
        checkInvariants(named, result);
        expect(result.peaks['all'] ?? 0).toBeLessThanOrEqual(total);
        expect(result.peaks['g'] ?? 0).toBeLessThanOrEqual(1);
        expect(result.peaks['h'] ?? 0).toBeLessThanOrEqual(2);
        if (cancelAtMs === undefined) checkCompleteness(named, result.states, keepGoing);
      }),
      { numRuns: 150 },
    );
  });
});

type Played = Awaited<ReturnType<typeof play>>;

function checkInvariants(nodes: readonly ScenarioNode[], { changes, ends, starts }: Played): void {
  const ancestors = ancestorsOf(nodes);
  const final = new Set<string>();
  for (const change of changes) {
    if (change.state === 'running') expect([...(ancestors.get(change.id) ?? [])].filter((id) => !final.has(id)), `ancestors of ${change.id}`).toEqual([]);
    if ('end' in change) {
      expect(final.has(change.id), `${change.id} ends once`).toBe(false);
      final.add(change.id);
    }
  }
  expect(final.size).toBe(nodes.length);
  expect(ends.size).toBe(nodes.length);
  const ids = starts.map((start) => start.split(' ')[1]);
  expect(new Set(ids).size, 'no node starts twice').toBe(ids.length);
}

/** Without a cancel, a node runs exactly when nothing among its ancestors stands in the way and no failure has stopped the schedule. */
function checkCompleteness(nodes: readonly ScenarioNode[], states: Readonly<Record<string, string>>, keepGoing: boolean): void {
  const ancestors = ancestorsOf(nodes);
  const failures = nodes.some(({ id }) => states[id] === 'failed');
  for (const { id, always, becomes } of nodes) {
    const before = [...(ancestors.get(id) ?? [])].map((ancestor) => states[ancestor]);
    const waits = before.includes('waiting');
    const free = always === true ? !waits : !waits && !before.includes('failed');
    const expected = becomes === 'throws' ? 'failed' : becomes;
    if (free && (keepGoing || !failures || always === true)) expect(states[id], id).toBe(expected);
    if (!free) expect(states[id], id).toBe('blocked');
  }
}
