import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Prompter, UnknownQuestion } from '../../../src/engine/prompter.ts';
import { NO_RETRY, type Effect, type StepKind } from '../../../src/engine/step.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { RunId } from '../../../src/model/ids.ts';
import { Bench, graphOf, makeThing, node, statesOf, type World } from './run-harness.ts';

/** Crashes the run just before the first journal line of a type, by playing the run once to find that line. */
async function crashBefore(bench: Bench, graph: ReturnType<typeof graphOf>, line: string): Promise<RunId> {
  const rehearsal = new Bench();
  for (const [name, kind] of bench.kinds) rehearsal.kinds.set(name, kind);
  const lines = await rehearsal.told((await rehearsal.start(graph)).run);
  const append = lines.indexOf(line) + 1;
  if (append === 0) throw new Error(`no line '${line}' in ${lines.join(', ')}`);
  bench.store.crashAt({ append, side: 'before' });
  const { run } = await bench.start(graph);
  expect(bench.store.crashed).toBe(true);
  return run;
}

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

describe('resuming a run', () => {
  it('does nothing when the run has succeeded, and gives what it came to', async () => {
    const bench = new Bench();
    const first = await bench.start(graphOf([node('a', { with: { ms: 3_000 } })]));
    const lines = await bench.told(first.run);
    const again = await bench.resume(first.run);
    expect(again).toMatchObject({ state: 'succeeded', resumed: true, elapsedMs: 3_000, steps: [{ id: 'a', state: 'succeeded', outputs: { value: 'a()' } }] });
    expect(await bench.told(first.run)).toEqual(lines);
  });

  it('looks at everything again: what is there is left, what has vanished is done again', async () => {
    const bench = new Bench();
    const graph = graphOf([node('a', { with: { parts: 1 } }), node('b', { with: { ms: 1 } }), node('c', { needs: ['a', 'b'], with: { fails: true } })]);
    const { run } = await bench.start(graph);
    bench.world.finished.delete('b');
    const resumed = await bench.resume(run);
    expect(resumed.steps.map((step) => [step.id, step.state, step.found])).toEqual([['a', 'succeeded', true], ['b', 'succeeded', false], ['c', 'failed', false]]);
    expect(bench.world.log).toEqual(['make a-0']);
  });

  it('proves again what was done again', async () => {
    const bench = new Bench();
    let verified = 0;
    bench.add({ ...makeThing, kind: 'test/counted', verify: async (ctx) => ((verified += 1), makeThing.verify(ctx)) });
    const graph = graphOf([node('a', { uses: 'test/counted' }), node('b', { needs: ['a'], with: { fails: true } })]);
    const { run } = await bench.start(graph);
    await bench.resume(run);
    expect(verified, 'a recorded proof stands').toBe(1);
    bench.world.finished.clear();
    await bench.resume(run);
    expect(verified).toBe(2);
  });

  it('verifies what is there when the outcome was lost', async () => {
    const bench = new Bench();
    const graph = graphOf([node('a', { with: { parts: 1 } })]);
    const run = await crashBefore(bench, graph, 'step-succeeded a');
    const resumed = await bench.resume(run);
    expect(resumed.steps[0]).toMatchObject({ state: 'succeeded', found: true });
    const { journal } = await bench.stored(run);
    expect(journal.entries.find((entry) => entry.type === 'step-succeeded')).toMatchObject({ evidence: { seen: true } });
  });

  it('gives the recorded result of an effect without asking or doing, even when the world no longer shows it', async () => {
    const bench = new Bench();
    const runs: string[] = [];
    bench.add(deleting(async () => ({ state: 'todo', evidence: {} }), runs));
    const run = await crashBefore(bench, deletingGraph, 'step-succeeded a');
    bench.world.finished.clear();
    runs.length = 0;
    expect((await bench.resume(run)).state).toBe('succeeded');
    expect(runs).toEqual(['gone']);
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
    expect(stopped).toMatchObject({ state: 'waiting', step: 'a', error: { code: 'STEP_UNKNOWN', kind: 'waiting', details: { evidence: { seen: 'nothing' } } } });
    expect(runs).toEqual([]);
    const asked: UnknownQuestion[] = [];
    const prompter: Prompter = { ask: async () => ({ answer: 'unavailable' }), askUnknown: async (question) => (asked.push(question), { answer: 'absent', by: 'ops' }) };
    expect((await bench.resume(run, { prompter })).state).toBe('succeeded');
    expect(asked).toEqual([{ run, step: 'a', what: "effect 'make x' of step 'a'", evidence: { seen: 'nothing' } }]);
    expect(runs).toEqual(['run', 'gone']);
    expect(await bench.told(run)).toContain('unknown-answered a');
  });

  it('stops at a step whose state is unknown; a person who says stop is taken at the word', async () => {
    const bench = new Bench();
    bench.add({ ...makeThing, kind: 'test/foggy', observe: async () => ({ state: 'unknown', evidence: {} }) });
    const graph = graphOf([node('a', { uses: 'test/foggy' }), node('b')]);
    const first = await bench.start(graph);
    expect(first).toMatchObject({ state: 'waiting', error: { code: 'STEP_UNKNOWN' } });
    expect(statesOf(first)).toEqual({ a: 'waiting', b: 'succeeded' });
    const prompter: Prompter = { ask: async () => ({ answer: 'unavailable' }), askUnknown: async () => ({ answer: 'stop', by: 'ops' }) };
    expect((await bench.resume(first.run, { prompter })).error?.code).toBe('STEP_UNKNOWN');
    expect(bench.world.finished.has('a')).toBe(false);
  });

  it('does not count the time a person takes against the timeout', async () => {
    const bench = new Bench();
    bench.add({ ...makeThing, kind: 'test/foggy', observe: async () => ({ state: 'unknown', evidence: {} }) });
    const prompter: Prompter = {
      ask: async () => ({ answer: 'unavailable' }),
      askUnknown: async (_question, signal) => {
        await bench.clock.sleep(3_600_000, signal);
        return { answer: 'absent', by: 'ops' };
      },
    };
    const result = await bench.start(graphOf([node('a', { uses: 'test/foggy', timeoutMs: 30_000, with: { ms: 29_000 } })]), { prompter });
    expect(result.state).toBe('succeeded');
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

  it('never releases a hold by itself, and lets a step release what it holds', async () => {
    const bench = new Bench();
    const hold = { id: 'dns/x', kind: 'dns-provider', subject: 'x', prior: { a: 1 }, releaseWhen: 'later' } as const;
    bench.add({ ...makeThing, kind: 'test/hold', execute: async (ctx) => (await ctx.hold(hold), ctx.ports.finish('a')) });
    bench.add({
      ...makeThing,
      kind: 'test/free',
      execute: async (ctx) => {
        for (const held of ctx.holds()) await ctx.released(held.id);
        await ctx.released('dns/x').catch((error: unknown) => ctx.evidence.append({ twice: String(error) }));
        ctx.ports.finish('b');
      },
    });
    const graph = graphOf([node('a', { uses: 'test/hold' }), node('b', { uses: 'test/free', needs: ['a'], with: { thing: 'b' } })]);
    const run = await crashBefore(bench, graph, 'step-started b');
    expect([...(await bench.resume(run, { signal: AbortSignal.abort() })).holds]).toEqual([hold]);
    const resumed = await bench.resume(run);
    expect([resumed.state, resumed.holds]).toEqual(['succeeded', []]);
    expect([...bench.store.evidence.values()].join('')).toContain('which is not held');
  });
});

describe('what a resume refuses', () => {
  it('a run that is not there', async () => {
    await expect(new Bench().resume('east-20260301T030000Z-0001' as RunId)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('another plan, runbook or step contract, naming what differs', async () => {
    const bench = new Bench();
    const { run } = await bench.start(graphOf([node('a', { with: { fails: true } }), node('b')], { plan: { dns: 1 } }));
    const now = graphOf([node('a', { with: { fails: false }, timeoutMs: 1 }), node('c')], { plan: { dns: 2 }, keepGoing: true });
    const refused = bench.resume(run, { graph: now });
    await expect(refused).rejects.toMatchObject({
      code: 'RUN_CHANGED',
      kind: 'precondition',
      details: { changes: ["step 'b' is gone", "step 'c' is new", "step 'a' differs in timeoutMs, with", 'plan differs in dns', 'runbook differs in keepGoing'] },
    });
    const catalogue = new Map([[makeThing.kind, { ...makeThing, version: 2 }]]);
    await expect(bench.resume(run, { catalogue })).rejects.toMatchObject({ details: { changes: ["step kind 'test/thing' was version 1, now version 2"] } });
  });

  it('nothing for another version of the tool, but it is told', async () => {
    const bench = new Bench();
    const graph = graphOf([node('a', { with: { fails: true } })]);
    const { run } = await bench.start(graph);
    expect((await bench.resume(run, { graph, tool: '2.0.0' })).state).toBe('failed');
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'journal', message: expect.stringContaining('version 1.0.0, this is 2.0.0') }));
  });

  it('a run.json that is not the one the run started with', async () => {
    const bench = new Bench();
    const { run } = await bench.start(graphOf([node('a', { with: { fails: true } })]));
    const get = bench.store.get.bind(bench.store);
    bench.store.get = async (key) => (key.endsWith('run.json') ? Buffer.from(Buffer.from((await get(key)) ?? []).toString().replace('"keepGoing":false', '"keepGoing":true')) : await get(key));
    await expect(bench.resume(run)).rejects.toMatchObject({ code: 'RUN_CHANGED' });
  });

  it('a broken journal, with the line', async () => {
    const bench = new Bench();
    const { run } = await bench.start(graphOf([node('a', { with: { fails: true } })]));
    bench.store.corrupt(run, 1, (text) => text.replace('"absent"', '"partial"'));
    await expect(bench.resume(run)).rejects.toMatchObject({ code: 'JOURNAL_BROKEN', details: { segment: 1, line: 4 } });
  });
});

describe('an unfinished last line', () => {
  it('is cut, the repair is a line, and the run goes on', async () => {
    const bench = new Bench();
    const run = await crashBefore(bench, graphOf([node('a', { with: { parts: 1 } })]), 'step-succeeded a');
    bench.store.revive();
    bench.store.corrupt(run, 1, (text) => `${text}{"seq":7,"prev":"sha`);
    expect((await bench.resume(run)).state).toBe('succeeded');
    const { journal } = await bench.stored(run);
    expect(journal.entries.find((entry) => entry.type === 'repair')).toMatchObject({ segment: 1, cutBytes: 20 });
    expect(journal.torn).toBeUndefined();
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'journal', message: expect.stringContaining('20 bytes') }));
  });
});
