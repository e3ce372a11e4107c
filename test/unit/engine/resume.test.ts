import { describe, expect, it } from 'vitest';
import type { Prompter } from '../../../src/engine/prompter.ts';
import type { RunId } from '../../../src/model/ids.ts';
import { Bench, crashBefore, graphOf, makeThing, node, statesOf } from './run-harness.ts';

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
    expect(resumed.steps.map((step) => [step.id, step.state, step.found])).toEqual([
      ['a', 'succeeded', true],
      ['b', 'succeeded', false],
      ['c', 'failed', false],
    ]);
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
      details: {
        changes: [
          'plan: dns: 1 -> 2',
          'runbook: keepGoing: false -> true',
          "step 'a': timeoutMs: 60000 -> 1",
          "step 'a': with.fails: true -> false",
          "step 'c' is new",
          "step 'b' (done; cannot be changed) is gone",
        ],
      },
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
    bench.store.get = async (key) =>
      key.endsWith('run.json')
        ? Buffer.from(
            Buffer.from((await get(key)) ?? [])
              .toString()
              .replace('"keepGoing":false', '"keepGoing":true'),
          )
        : await get(key);
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
