import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FINAL_STATES } from '../../../src/engine/events.ts';
import type { StepGraph } from '../../../src/engine/graph-types.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { RunId } from '../../../src/model/ids.ts';
import type { CrashPoint } from '../../fakes/memory-run-store.ts';
import { Bench, graphOf, node } from './run-harness.ts';

interface EndState {
  readonly state: string;
  readonly steps: readonly unknown[];
  readonly parts: readonly unknown[];
  readonly finished: readonly string[];
}

/** What must be equal however often a run was stopped: ends, outputs, and how often each part was made. */
function endState(bench: Bench, result: RunResult): EndState {
  return {
    state: result.state,
    steps: result.steps.map(({ id, state, outputs }) => [id, state, outputs]),
    parts: [...bench.world.parts].sort(([a], [b]) => a.localeCompare(b)),
    finished: [...bench.world.finished].sort(),
  };
}

const decisions = { approve: [], attest: {}, confirm: 'east' };

function graphs(): fc.Arbitrary<StepGraph> {
  const nodeAt = (index: number): fc.Arbitrary<ReturnType<typeof node>> =>
    fc
      .record({
        needs: index === 0 ? fc.constant<number[]>([]) : fc.uniqueArray(fc.nat(index - 1), { maxLength: 3 }),
        parts: fc.nat(2),
        ms: fc.constantFrom(0, 5, 20_000),
        kind: fc.constantFrom('plain', 'plain', 'plain', 'plain', 'fails', 'always', 'skipped', 'confirmed', 'grouped'),
      })
      .map(({ needs, parts, ms, kind }) =>
        node(`n${index}`, {
          needs: needs.map((need) => `n${need}`),
          with: { parts, ms, fails: kind === 'fails' },
          ...(kind === 'always' ? { always: true } : {}),
          ...(kind === 'skipped' ? { skipped: 'not today' } : {}),
          ...(kind === 'confirmed' ? { gate: { reason: 'it destroys', confirm: 'cluster' as const } } : {}),
          ...(kind === 'grouped' ? { group: { name: 'g', limit: 1 } } : {}),
        }),
      );
  return fc
    .tuple(
      fc.integer({ min: 1, max: 6 }).chain((size) => fc.tuple(...Array.from({ length: size }, (_, index) => nodeAt(index)))),
      fc.boolean(),
    )
    .map(([nodes, keepGoing]) => graphOf(nodes, { keepGoing }));
}

async function uninterrupted(graph: StepGraph): Promise<{ readonly end: EndState; readonly appends: number }> {
  const bench = new Bench();
  const result = await bench.start(graph, { decisions });
  return { end: endState(bench, result), appends: bench.store.appends };
}

/** Starts, crashes at each point in turn, and resumes until the end. */
async function interrupted(graph: StepGraph, points: readonly CrashPoint[]): Promise<{ readonly bench: Bench; readonly result: RunResult }> {
  const bench = new Bench();
  let run: RunId | undefined;
  for (const point of points) {
    bench.store.revive();
    bench.store.crashAt(point);
    try {
      const result = run === undefined ? await bench.start(graph, { decisions }) : await bench.resumeAsIs(run, { decisions });
      if (!bench.store.crashed) return { bench, result };
      run = result.run;
    } catch (error) {
      // Died before its first step: there may be a run to resume, or none.
      if (!bench.store.crashed) throw error;
      bench.store.revive();
      run ??= await bench.onlyRun();
    }
  }
  bench.store.revive();
  return { bench, result: run === undefined ? await bench.start(graph, { decisions }) : await bench.resume(run, { decisions }) };
}

const SIDES = ['before', 'after'] as const;

describe('a run stopped at any journal line', () => {
  it('comes to the same end, and no effect happens twice: every line of one graph, before and after', async () => {
    const graph = graphOf([
      node('a', { with: { parts: 2 }, gate: { reason: 'it destroys', confirm: 'cluster' } }),
      node('b', { needs: ['a'], with: { parts: 1, from: [{ $expr: 'steps.a.outputs.value' }] } }),
      node('c', { needs: ['a'], with: { parts: 1, ms: 20_000 } }),
      node('d', { needs: ['b', 'c'], with: { fails: true, parts: 1 } }),
      node('z', { needs: ['d'], always: true, with: { parts: 1 } }),
    ]);
    const { end, appends } = await uninterrupted(graph);
    let foundDone = 0;
    for (let append = 1; append <= appends; append += 1) {
      for (const side of SIDES) {
        const { bench, result } = await interrupted(graph, [{ append, side }]);
        expect(endState(bench, result), `crash ${side} append ${append}`).toEqual(end);
        foundDone += bench.events.filter((event) => event.type === 'effect' && event.state === 'found-done').length;
      }
    }
    expect(appends).toBeGreaterThan(25);
    // The dangerous instant, effect done and outcome not written, lies before the outcome line of each of the effects.
    expect(foundDone).toBeGreaterThanOrEqual(5);
  });

  it('comes to the same end for random graphs and several stops', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(graphs(), fc.array(fc.tuple(fc.nat(999), fc.constantFrom(...SIDES)), { minLength: 1, maxLength: 3 }), async (graph, stops) => {
        const { end, appends } = await uninterrupted(graph);
        const points = stops.map(([where, side]) => ({ append: 1 + Math.floor((where * appends) / 1_000), side }));
        const { bench, result } = await interrupted(graph, points);
        // Without keepGoing, how far independent branches have come when a step fails is a matter of time, and a resume is faster.
        const timely = !graph.keepGoing && end.state === 'failed';
        expect(timely ? result.state : endState(bench, result)).toEqual(timely ? end.state : end);
        for (const [part, times] of bench.world.parts) expect(times, part).toBe(1);
        for (const step of result.steps) expect(FINAL_STATES.has(step.state), step.id).toBe(true);
      }),
      { numRuns: 120 },
    );
  });
});
