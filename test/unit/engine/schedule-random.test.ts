import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ancestorsOf } from '../../../src/engine/graph.ts';
import { play, type ScenarioNode } from './scenario.ts';

const scenarios = fc.integer({ min: 1, max: 25 }).chain((size) =>
  fc.record({
    nodes: fc.tuple(
      ...Array.from({ length: size }, (_, index) =>
        fc.record({
          needs: index === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.nat(index - 1), { maxLength: 4 }),
          ms: fc.integer({ min: 0, max: 40 }),
          becomes: fc.oneof(
            { weight: 8, arbitrary: fc.constant('succeeded' as const) },
            fc.constantFrom('failed', 'skipped', 'waiting', 'throws') as fc.Arbitrary<ScenarioNode['becomes']>,
          ),
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
        const named = nodes.map(({ needs, group, ...node }, index) => ({
          ...node,
          id: `n${index}`,
          needs: needs.map((need: number) => `n${need}`),
          ...(group === undefined ? {} : { group }),
        }));
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
    if (change.state === 'running')
      expect(
        [...ancestors(change.id)].filter((id) => !final.has(id)),
        `ancestors of ${change.id}`,
      ).toEqual([]);
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
    const before = [...ancestors(id)].map((ancestor) => states[ancestor]);
    const waits = before.includes('waiting');
    const free = always === true ? !waits : !waits && !before.includes('failed');
    const expected = becomes === 'throws' ? 'failed' : becomes;
    if (free && (keepGoing || !failures || always === true)) expect(states[id], id).toBe(expected);
    if (!free) expect(states[id], id).toBe('blocked');
  }
}
