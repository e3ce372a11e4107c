import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Prompter, UnknownQuestion } from '../../../src/engine/prompter.ts';
import { type Effect, NO_RETRY, type StepKind } from '../../../src/engine/step.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { Bench, crashBefore, graphOf, makeThing, node, type World } from './run-harness.ts';

type Check = Effect<string>['check'];

/** One effect whose check the test decides; `runs` counts its calls. */
function deleting(check: Check, runs: string[]): StepKind<{ thing: string }, { value: string }, World> {
  return {
    ...makeThing,
    kind: 'test/deleting',
    with: z.object({ thing: z.string() }),
    retry: NO_RETRY,
    observe: async ({ ports }) => (ports.finished.has('a') ? { state: 'present', outputs: { value: 'a' }, evidence: {} } : { state: 'absent', evidence: {} }),
    plan: async () => [],
    execute: async (ctx) => {
      const run = async (): Promise<string> => {
        runs.push('run');
        ctx.ports.make('deleted');
        return 'gone';
      };
      const result = await ctx.effect({ name: 'make', key: 'x', timeoutMs: 1_000, check, run });
      runs.push(result);
      ctx.ports.finish('a');
    },
    verify: async () => ({ ok: true, outputs: { value: 'a' }, evidence: {} }),
  };
}

const deletingGraph = graphOf([node('a', { uses: 'test/deleting' })]);

describe('an effect', () => {
  it('gives the recorded result of an effect that the world still shows, and does nothing', async () => {
    const bench = new Bench();
    const runs: string[] = [];
    bench.add(deleting(async () => ({ state: 'done', result: 'gone, as it looks now' }), runs));
    const run = await crashBefore(bench, deletingGraph, 'step-succeeded a');
    bench.world.finished.clear();
    runs.length = 0;
    expect((await bench.resume(run)).state).toBe('succeeded');
    expect(runs).toEqual(['gone']);
    expect((await bench.told(run)).filter((line) => line === 'effect-intent a')).toHaveLength(1);
  });

  it('is done again when the world shows that it was undone, and the journal says what it showed', async () => {
    const bench = new Bench();
    const runs: string[] = [];
    bench.add(deleting(async () => ({ state: 'todo', evidence: { seen: 'it is back' } }), runs));
    const run = await crashBefore(bench, deletingGraph, 'step-succeeded a');
    bench.world.finished.clear();
    runs.length = 0;
    expect((await bench.resume(run)).state).toBe('succeeded');
    expect(runs).toEqual(['run', 'gone']);
    const { journal } = await bench.stored(run);
    const intents = journal.entries.flatMap((entry) => (entry.type === 'effect-intent' ? [entry.undone] : []));
    expect(intents).toEqual([undefined, { seen: 'it is back' }]);
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'effect', state: 'found-undone' }));
  });

  it('is done once by a resume that was killed while it did again what was undone', async () => {
    const bench = new Bench();
    bench.add(deleting(async () => (bench.world.finished.has('again') ? { state: 'done', result: 'gone' } : { state: 'todo', evidence: {} }), []));
    const run = await crashBefore(bench, deletingGraph, 'step-succeeded a');
    bench.world.finished.clear();
    bench.world.parts.clear();
    bench.store.revive();
    // The lines of the second owner up to its intent: owner, observed, started, intent.
    bench.store.crashAt({ append: bench.store.appends + 5, side: 'before' });
    await bench.resumeAsIs(run);
    expect([bench.store.crashed, bench.world.parts.get('deleted')]).toEqual([true, 1]);
    bench.world.finished.add('again');
    expect((await bench.resume(run)).state).toBe('succeeded');
    expect(bench.world.parts.get('deleted')).toBe(1);
  });

  it('stops when it was done before and the world does not tell any more', async () => {
    const bench = new Bench();
    bench.add(deleting(async (recorded) => ({ state: 'unknown', evidence: { recorded: recorded?.result ?? 'nothing' } }), []));
    const run = await crashBefore(bench, deletingGraph, 'step-succeeded a');
    bench.world.finished.clear();
    expect(await bench.resume(run)).toMatchObject({
      state: 'waiting',
      error: { code: 'STEP_UNKNOWN', message: expect.stringContaining('which was done before,'), details: { evidence: { recorded: 'gone' } } },
    });
    expect(bench.world.parts.get('deleted')).toBe(1);
  });

  it('is asked of the world by each try, and within one it stands: what a try has done may still be settling', async () => {
    const bench = new Bench();
    const calls: string[] = [];
    bench.add({
      ...makeThing,
      kind: 'test/tries',
      observe: async () => ({ state: 'partial', evidence: {} }),
      execute: async (ctx) => {
        const effect: Effect<string> = {
          name: 'make',
          key: 'x',
          timeoutMs: 1_000,
          check: async (recorded) => (calls.push(`check ${recorded?.result ?? 'nothing'}`), { state: 'todo', evidence: {} }),
          run: async () => (calls.push('run'), 'made'),
        };
        calls.push(await ctx.effect(effect), await ctx.effect(effect));
        if (calls.length === 3) throw new DrError({ code: 'KUBE_UNAVAILABLE', message: 'gone for a moment', retry: 'retryable' });
      },
      verify: async () => ({ ok: true, outputs: { value: 'a' }, evidence: {} }),
    });
    const result = await bench.start(graphOf([node('a', { uses: 'test/tries', retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 } })]));
    expect(result.error).toBeUndefined();
    expect(calls).toEqual(['run', 'made', 'made', 'check made', 'run', 'made', 'made']);
  });

  it.each([
    ['done', ['gone'], 1],
    ['todo', ['run', 'gone'], 2],
  ] as const)('asks the world about an intent without outcome: %s', async (answer, expected, made) => {
    const bench = new Bench();
    const runs: string[] = [];
    bench.add(deleting(async () => (answer === 'done' ? { state: 'done', result: 'gone' } : { state: 'todo', evidence: {} }), runs));
    const run = await crashBefore(bench, deletingGraph, 'effect-done a');
    runs.length = 0;
    expect((await bench.resume(run)).state).toBe('succeeded');
    expect(runs).toEqual(expected);
    expect(bench.world.parts.get('deleted')).toBe(made);
  });

  it('stops at an effect whose state is unknown, with the evidence, until a person has looked', async () => {
    const bench = new Bench();
    const runs: string[] = [];
    bench.add(deleting(async () => ({ state: 'unknown', evidence: { seen: 'nothing' } }), runs));
    const run = await crashBefore(bench, deletingGraph, 'effect-done a');
    runs.length = 0;
    const stopped = await bench.resume(run);
    expect(stopped).toMatchObject({
      state: 'waiting',
      step: 'a',
      error: { code: 'STEP_UNKNOWN', kind: 'waiting', details: { evidence: { seen: 'nothing' } } },
    });
    expect(runs).toEqual([]);
    const asked: UnknownQuestion[] = [];
    const prompter: Prompter = {
      ask: async () => ({ answer: 'unavailable' }),
      askUnknown: async (question) => (asked.push(question), { answer: 'absent', by: 'ops' }),
    };
    expect((await bench.resume(run, { prompter })).state).toBe('succeeded');
    expect(asked).toEqual([{ run, step: 'a', what: "effect 'make x' of step 'a'", evidence: { seen: 'nothing' } }]);
    expect(runs).toEqual(['run', 'gone']);
    expect(await bench.told(run)).toContain('unknown-answered a');
  });

  it('asks the world before an effect that failed is tried again in the same run', async () => {
    const bench = new Bench();
    let calls = 0;
    let checks = 0;
    bench.add({
      ...makeThing,
      kind: 'test/cut',
      execute: async (ctx) => {
        await ctx.effect({
          name: 'make',
          key: 'x',
          timeoutMs: 1_000,
          check: async () => ((checks += 1), { state: 'done', result: 'landed' }),
          run: async () => {
            calls += 1;
            throw new DrError({ code: 'KUBE_UNAVAILABLE', message: 'the answer was lost', retry: 'retryable' });
          },
        });
        ctx.ports.finish('a');
      },
    });
    const result = await bench.start(graphOf([node('a', { uses: 'test/cut', retry: { attempts: 2, firstDelayMs: 1, maxDelayMs: 1 } })]));
    expect([result.state, calls, checks]).toEqual(['succeeded', 1, 1]);
  });

  it('refuses one effect twice at once, and keeps an effect without a result as null', async () => {
    const bench = new Bench();
    const results: unknown[] = [];
    bench.add({
      ...makeThing,
      kind: 'test/twins',
      execute: async (ctx) => {
        const effect: Effect<null> = {
          name: 'make',
          key: 'x',
          timeoutMs: 1_000,
          check: async () => ({ state: 'todo', evidence: {} }),
          run: async () => undefined as never,
        };
        const both = await Promise.allSettled([ctx.effect(effect), ctx.effect(effect)]);
        results.push(...both.map((each) => each.status), await ctx.effect(effect));
        ctx.ports.finish('a');
      },
    });
    expect((await bench.start(graphOf([node('a', { uses: 'test/twins' })]))).state).toBe('succeeded');
    expect(results).toEqual(['fulfilled', 'rejected', null]);
  });

  it('ends an effect at its deadline, which the intent names', async () => {
    const bench = new Bench();
    bench.add({
      ...makeThing,
      kind: 'test/long',
      execute: async (ctx) => {
        const run = async (signal: AbortSignal): Promise<null> => (await ctx.clock.sleep(1e6, signal), null);
        await ctx.effect({ name: 'make', key: 'x', timeoutMs: 2_000, check: async () => ({ state: 'todo', evidence: {} }), run });
      },
    });
    const result = await bench.start(graphOf([node('a', { uses: 'test/long' })]));
    expect(result.error).toMatchObject({ code: 'STEP_TIMEOUT', message: expect.stringContaining("effect 'make x'") });
    const { journal } = await bench.stored(result.run);
    const intent = journal.entries.find((entry) => entry.type === 'effect-intent');
    expect(intent).toMatchObject({ deadline: '2026-03-01T03:00:02.000Z', at: '2026-03-01T03:00:00.000Z' });
    expect(journal.entries.map((entry) => entry.type)).toContain('effect-failed');
  });
});
