import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StepGraph } from '../../../src/engine/graph-types.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { RunId } from '../../../src/model/ids.ts';
import type { CrashPoint } from '../../fakes/memory-run-store.ts';
import { Bench, graphOf, makeThing, node } from './run-harness.ts';

/** What is there, and how often each part was made and undone. */
class Parts {
  readonly there = new Set<string>();
  readonly made = new Map<string, number>();
  readonly undone = new Map<string, number>();

  make(part: string): void {
    this.there.add(part);
    this.made.set(part, (this.made.get(part) ?? 0) + 1);
  }

  /** Somebody takes back what is there; what is not cannot be taken back. */
  undo(part: string): void {
    if (this.there.delete(part)) this.undone.set(part, (this.undone.get(part) ?? 0) + 1);
  }
}

/** A kind that makes its parts one by one, each an effect; it is done while all of them are there. */
function fragile(bench: Bench, parts: Parts): void {
  const partsOf = (thing: string, count: number): readonly string[] => Array.from({ length: count }, (_, index) => `${thing}-${index}`);
  bench.add({
    ...makeThing,
    kind: 'test/fragile',
    observe: async ({ with: { thing, parts: count } }) => {
      const there = partsOf(thing, count).filter((part) => parts.there.has(part)).length;
      if (there === count && bench.world.finished.has(thing)) return { state: 'present', outputs: { value: thing }, evidence: {} };
      return { state: there === 0 ? 'absent' : 'partial', evidence: {} };
    },
    execute: async (ctx) => {
      const { thing, parts: count, ms } = ctx.with;
      for (const part of partsOf(thing, count)) {
        await ctx.effect({
          name: 'make',
          key: part,
          timeoutMs: 30_000,
          check: async () => (parts.there.has(part) ? { state: 'done', result: part } : { state: 'todo', evidence: { missing: part } }),
          run: async () => {
            ctx.ports.make(`call ${part} ${parts.made.get(part) ?? 0}`);
            parts.make(part);
            return part;
          },
        });
      }
      await ctx.clock.sleep(ms, ctx.signal);
      ctx.ports.finish(thing);
    },
    verify: async ({ with: { thing, parts: count } }) =>
      partsOf(thing, count).every((part) => parts.there.has(part))
        ? { ok: true, outputs: { value: thing }, evidence: {} }
        : { ok: false, reason: `a part of ${thing} is not there`, evidence: {} },
  });
}

interface Stop {
  readonly where: number;
  readonly side: CrashPoint['side'];
  /** Parts that are taken back while nobody works. */
  readonly undoes: readonly string[];
}

const PARTS = ['n0-0', 'n0-1', 'n1-0', 'n1-1', 'n2-0', 'n3-0'];

const graphs = fc.tuple(fc.boolean(), fc.boolean(), fc.constantFrom(0, 5, 20_000)).map(([joined, long, ms]): StepGraph => {
  const uses = 'test/fragile';
  return graphOf(
    [
      node('n0', { uses, with: { parts: 2, ms } }),
      node('n1', { uses, needs: ['n0'], with: { parts: 2 } }),
      node('n2', { uses, needs: joined ? ['n0'] : [], with: { parts: 1, ms: long ? ms : 0 } }),
      node('n3', { uses, needs: ['n1', 'n2'], with: { parts: 1 } }),
    ],
    { keepGoing: true },
  );
});

const stops = fc.array(
  fc.record<Stop>({ where: fc.nat(999), side: fc.constantFrom('before', 'after'), undoes: fc.uniqueArray(fc.constantFrom(...PARTS), { maxLength: 3 }) }),
  { minLength: 1, maxLength: 4 },
);

async function appendsOf(graph: StepGraph): Promise<number> {
  const bench = new Bench();
  fragile(bench, new Parts());
  await bench.start(graph);
  return bench.store.appends;
}

interface Played {
  readonly bench: Bench;
  readonly parts: Parts;
  readonly result: RunResult;
}

/** Starts, is killed at each stop while the world goes back a little, and resumes until the end. */
async function played(graph: StepGraph, all: readonly Stop[]): Promise<Played> {
  const bench = new Bench();
  const parts = new Parts();
  fragile(bench, parts);
  const appends = await appendsOf(graph);
  let run: RunId | undefined;
  const once = async (): Promise<RunResult | undefined> => {
    const going = run === undefined ? bench.start(graph) : bench.resumeAsIs(run);
    return await going.catch((error: unknown) => {
      // Died before its first step: there may be a run to resume, or none.
      if (!bench.store.crashed) throw error;
      return undefined;
    });
  };
  for (const { where, side, undoes } of all) {
    bench.store.revive();
    bench.store.crashAt({ append: 1 + Math.floor((where * appends) / 1_000), side });
    run = (await once())?.run ?? run;
    bench.store.revive();
    run ??= await bench.onlyRun();
    // A run that has ended has nothing more to put right.
    if (run !== undefined && (await bench.stored(run)).state.end !== undefined) break;
    for (const part of undoes) parts.undo(part);
  }
  bench.store.revive();
  const result = await once();
  if (result === undefined) throw new Error('nothing was started');
  return { bench, parts, result };
}

describe('a world that goes back while nobody works', () => {
  it('is put right on resume: each part is made once, and once more for each time that it was undone', { timeout: 60_000 }, async () => {
    let again = 0;
    await fc.assert(
      fc.asyncProperty(graphs, stops, async (graph, all) => {
        const { bench, parts, result } = await played(graph, all);
        expect(result.state).toBe('succeeded');
        expect([...parts.there].sort()).toEqual(PARTS);
        for (const part of PARTS) expect(parts.made.get(part), part).toBe(1 + (parts.undone.get(part) ?? 0));
        const { journal } = await bench.stored(result.run);
        const undone = journal.entries.flatMap((entry) => (entry.type === 'effect-intent' && entry.undone !== undefined ? [entry] : []));
        for (const { key, undone: evidence } of undone) expect(evidence).toEqual({ missing: key });
        again += undone.length;
      }),
      { numRuns: 80 },
    );
    expect(again, 'effects on record as done that were done again').toBeGreaterThan(10);
  });
});
