import { describe, expect, it } from 'vitest';
import { openHolds } from '../../../src/engine/run-state.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import { Bench, CLUSTER, graphOf, makeThing, node, statesOf } from './run-harness.ts';

type ThingKind = typeof makeThing;

/** The kind of the bench with parts replaced. */
function variant(kind: string, overrides: Partial<ThingKind>): ThingKind {
  return { ...makeThing, kind, ...overrides };
}

describe('a run', () => {
  it('runs steps in order, hands outputs on, and journals intents before and outcomes after', async () => {
    const bench = new Bench();
    const result = await bench.start(
      graphOf([node('a', { with: { parts: 1 } }), node('b', { needs: ['a'], with: { from: [{ $expr: 'steps.a.outputs.value' }] } })]),
    );
    expect(result).toMatchObject({ state: 'succeeded', cluster: CLUSTER, resumed: false, holds: [] });
    expect(result.steps.map((step) => [step.id, step.outputs])).toEqual([
      ['a', { value: 'a()' }],
      ['b', { value: 'b(a())' }],
    ]);
    expect(await bench.told(result.run)).toEqual([
      'run-started',
      'owner',
      'step-observed a',
      'step-started a',
      'effect-intent a',
      'effect-done a',
      'step-succeeded a',
      'step-observed b',
      'step-started b',
      'step-succeeded b',
      'ended',
    ]);
  });

  it('skips what is there, but verifies it, because nobody has recorded a proof', async () => {
    const bench = new Bench();
    bench.world.finish('a');
    const result = await bench.start(graphOf([node('a', { with: { parts: 2 } })]));
    expect(result.steps[0]).toMatchObject({ state: 'succeeded', found: true, reason: 'found done', outputs: { value: 'a()' } });
    expect(bench.world.log).toEqual([]);
    const { journal } = await bench.stored(result.run);
    expect(journal.entries.find((entry) => entry.type === 'step-succeeded')).toMatchObject({ evidence: { seen: true }, found: true });
  });

  it('fails a step whose verification says no, with the kind verification', async () => {
    const bench = new Bench();
    bench.add(variant('test/liar', { execute: async () => undefined }));
    const result = await bench.start(graphOf([node('a', { uses: 'test/liar' }), node('b', { needs: ['a'] })]));
    expect(result.error).toMatchObject({ code: 'VERIFY_FAILED', kind: 'verification' });
    expect(result.step).toBe('a');
    expect(statesOf(result)).toEqual({ a: 'failed', b: 'blocked' });
  });

  it('keeps independent branches going only when the runbook says so', async () => {
    const nodes = [node('a', { with: { fails: true } }), node('b', { with: { ms: 10 } }), node('c', { needs: ['b'] })];
    expect(statesOf(await new Bench().start(graphOf(nodes)))).toEqual({ a: 'failed', b: 'succeeded', c: 'blocked' });
    expect(statesOf(await new Bench().start(graphOf(nodes, { keepGoing: true })))).toEqual({ a: 'failed', b: 'succeeded', c: 'succeeded' });
  });

  it('keeps skipped steps in the graph, lets order pass through, and does not offer their outputs', async () => {
    const bench = new Bench();
    const graph = graphOf([
      node('a'),
      node('b', { needs: ['a'], skipped: 'not in drills' }),
      node('c', { needs: ['b'], if: 'false' }),
      node('d', { needs: ['c'] }),
      node('e', { needs: ['c'], with: { from: [{ $expr: 'steps.b.outputs.value' }] } }),
    ]);
    const result = await bench.start(graph);
    expect(statesOf(result)).toEqual({ a: 'succeeded', b: 'skipped', c: 'skipped', d: 'succeeded', e: 'failed' });
    expect(result.steps.map((step) => step.reason)).toEqual([
      undefined,
      'not in drills',
      'its condition is false: false',
      undefined,
      "'steps.b.outputs.value' is not there",
    ]);
    expect(result.error?.code).toBe('INPUT_INVALID');
  });

  it('gives a step of a forEach its item', async () => {
    const result = await new Bench().start(graphOf([node('a[cp-1]', { item: { name: 'cp-1' }, with: { thing: { $expr: 'item.name' } } })]));
    expect(result.steps[0]?.outputs).toEqual({ value: 'cp-1()' });
  });

  it('lists every fault of an input that does not fit the kind', async () => {
    const result = await new Bench().start(graphOf([node('a', { with: { parts: 'many', ms: 'long' } })]));
    expect(result.error).toMatchObject({ code: 'INPUT_INVALID', details: { faults: [expect.stringContaining('parts'), expect.stringContaining('ms')] } });
  });

  it('calls outputs that do not fit the kind a bug of the kind', async () => {
    const bench = new Bench();
    bench.add(variant('test/odd', { verify: async () => ({ ok: true, outputs: { value: 7 } as never, evidence: {} }) }));
    expect((await bench.start(graphOf([node('a', { uses: 'test/odd' })]))).error).toMatchObject({ code: 'BUG', message: expect.stringContaining('value') });
  });

  it('runs always steps after a failure', async () => {
    const result = await new Bench().start(
      graphOf([node('a', { with: { fails: true } }), node('b', { needs: ['a'] }), node('z', { needs: ['b'], always: true })]),
    );
    expect(statesOf(result)).toEqual({ a: 'failed', b: 'blocked', z: 'succeeded' });
    expect(result).toMatchObject({ state: 'failed', step: 'a' });
  });

  it('tries retryable errors again, waits as the policy says, and looks at the world before each try', async () => {
    const bench = new Bench();
    let tries = 0;
    bench.add(
      variant('test/flaky', {
        execute: async (ctx) => {
          tries += 1;
          if (tries < 4) throw new DrError({ code: 'KUBE_UNAVAILABLE', message: 'not now', retry: tries === 2 ? { afterMs: 7_000 } : 'retryable' });
          ctx.ports.finish('a');
        },
      }),
    );
    const result = await bench.start(graphOf([node('a', { uses: 'test/flaky', retry: { attempts: 4, firstDelayMs: 1_000, maxDelayMs: 3_000 } })]));
    expect(result.state).toBe('succeeded');
    expect(bench.events.flatMap((event) => (event.type === 'step-retry' ? [event.delayMs] : []))).toEqual([1_000, 7_000, 3_000]);
    expect((await bench.told(result.run)).filter((line) => line === 'step-observed a')).toHaveLength(4);
    expect(result.steps[0]?.elapsedMs).toBe(11_000);
  });

  it.each([
    ['one that is not retryable', new DrError({ code: 'KUBE_REFUSED', message: 'no' }), 1],
    ['a plain error', new Error('oops'), 1],
    ['one that stays', new DrError({ code: 'KUBE_UNAVAILABLE', message: 'no', retry: 'retryable' }), 3],
  ])('gives up on %s', async (_what, error, expected) => {
    const bench = new Bench();
    let tries = 0;
    bench.add(variant('test/broken', { execute: () => Promise.reject(((tries += 1), error)) }));
    const result = await bench.start(graphOf([node('a', { uses: 'test/broken', retry: { attempts: 3, firstDelayMs: 1, maxDelayMs: 1 } })]));
    expect(tries).toBe(expected);
    expect(result.error?.code).toBe(error instanceof DrError ? error.code : 'BUG');
  });

  it('ends a step at its timeout, tries and waits included', async () => {
    const bench = new Bench();
    bench.add(variant('test/slow', { execute: (ctx) => ctx.clock.sleep(1e9, ctx.signal) }));
    const result = await bench.start(graphOf([node('a', { uses: 'test/slow', timeoutMs: 90_000 })]));
    expect(result.error).toMatchObject({ code: 'STEP_TIMEOUT', message: "step 'a' did not end within 1 min 30 s" });
    expect(result.elapsedMs).toBe(90_000);
  });

  it('leaves behind a step that ignores its abort, and says so', async () => {
    const bench = new Bench();
    bench.add(variant('test/deaf', { execute: () => new Promise(() => undefined) }));
    const result = await bench.start(graphOf([node('a', { uses: 'test/deaf', timeoutMs: 5_000 })]));
    expect(result.error).toMatchObject({ code: 'STEP_TIMEOUT', message: expect.stringContaining('left behind') });
    expect(result.elapsedMs).toBe(15_000);
  });

  it('says that it is alive every 15 s, during steps too', async () => {
    const bench = new Bench();
    const result = await bench.start(graphOf([node('a', { with: { ms: 50_000 } })]));
    const { journal } = await bench.stored(result.run);
    expect(journal.entries.filter((entry) => entry.type === 'alive').map((entry) => entry.at)).toEqual(
      [15, 30, 45].map((seconds) => new Date(Date.parse('2026-03-01T03:00:00.000Z') + seconds * 1_000).toISOString()),
    );
    expect(bench.clock.pending).toBe(0);
  });

  it('respects group limits', async () => {
    const bench = new Bench();
    const group = { name: 'etcd', limit: 1 };
    const result = await bench.start(graphOf(['a', 'b', 'c'].map((id) => node(id, { group, with: { ms: 10_000 } }))));
    expect(result.elapsedMs).toBe(30_000);
  });

  it('lets one progress event a second through, the newest, and the last at the end', async () => {
    const bench = new Bench();
    bench.add(
      variant('test/chatty', {
        execute: async (ctx) => {
          for (let done = 1; done <= 25; done += 1) {
            ctx.progress({ message: 'applying', done, total: 25 });
            await ctx.clock.sleep(100, ctx.signal);
          }
          ctx.progress({ message: 'applied' });
          ctx.ports.finish('a');
        },
      }),
    );
    await bench.start(graphOf([node('a', { uses: 'test/chatty' })]));
    expect(bench.events.flatMap((event) => (event.type === 'step-progress' ? [event.progress.done ?? event.progress.message] : []))).toEqual([
      1,
      10,
      20,
      'applied',
    ]);
  });

  it('keeps the evidence of a step beside the run and its digest in the outcome, also of a step that failed', async () => {
    const bench = new Bench();
    bench.add(
      variant('test/detailed', {
        execute: async (ctx) => {
          ctx.evidence.append({ object: 1 });
          ctx.evidence.append({ object: 2 });
          if (ctx.with.fails) throw new DrError({ code: 'STEP_FAILED', message: 'no' });
          ctx.ports.finish(ctx.with.thing);
        },
      }),
    );
    const result = await bench.start(
      graphOf([node('a[x/y]', { uses: 'test/detailed' }), node('b', { uses: 'test/detailed', with: { fails: true } })], { keepGoing: true }),
    );
    const { state } = await bench.stored(result.run);
    const names = [...state.steps.values()].flatMap((step) => step.logs.map((log) => `${log.name} ${log.lines}`));
    expect(names).toEqual([expect.stringMatching(/^a\[x_y\]-[0-9a-f]{8}\.jsonl 2$/), 'b.jsonl 2']);
    expect(bench.store.evidence.get(`${result.run}/b.jsonl`)).toBe('{"object":1}\n{"object":2}\n');
  });

  it('refuses an effect that the kind does not declare', async () => {
    const bench = new Bench();
    bench.add(variant('test/sneaky', { effects: [] }));
    expect((await bench.start(graphOf([node('a', { uses: 'test/sneaky', with: { parts: 1 } })]))).error).toMatchObject({
      code: 'BUG',
      message: expect.stringContaining('does not declare'),
    });
    expect(bench.world.log).toEqual([]);
  });

  it('fails a run whose journal cannot be written, aborts what runs, and writes no final line', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 6, side: 'before' });
    const result = await bench.start(graphOf([node('a', { with: { parts: 1, ms: 1e6 } }), node('b', { with: { ms: 1e6 } })]));
    expect(result).toMatchObject({ state: 'failed', error: { code: 'STORE_FAILED' } });
    expect(result.elapsedMs).toBeLessThan(60_000);
    bench.store.revive();
    expect((await bench.stored(result.run)).state.status).toBe('running');
  });

  it('is not disturbed by a view that throws', async () => {
    const events = (): void => {
      throw new Error('view');
    };
    expect((await new Bench().start(graphOf([node('a')]), { events })).state).toBe('succeeded');
  });

  it('holds what is put aside before it is, once, and past the end of the run', async () => {
    const bench = new Bench();
    const hold = { id: 'dns/x', kind: 'dns-provider', subject: 'x', prior: {}, releaseWhen: 'later' } as const;
    const seen: number[] = [];
    bench.add(
      variant('test/holder', {
        execute: async (ctx) => {
          await ctx.hold(hold);
          await ctx.hold(hold);
          seen.push(openHolds((await bench.stored(ctx.run.id)).state).length);
          throw new DrError({ code: 'STEP_FAILED', message: 'no' });
        },
      }),
    );
    const result = await bench.start(graphOf([node('a', { uses: 'test/holder' })]));
    expect(seen).toEqual([1]);
    expect(result.holds).toEqual([hold]);
    expect((await bench.told(result.run)).filter((line) => line === 'held a')).toHaveLength(1);
    expect((await bench.resume(result.run)).holds).toEqual([hold]);
  });

  it('refuses a graph with a cycle and one with an unknown step before anything is written', async () => {
    const bench = new Bench();
    const cyclic = { ...graphOf([node('a')]), nodes: [node('a', { needs: ['b'] }), node('b', { needs: ['a'] })] };
    await expect(bench.start(cyclic)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(bench.start(graphOf([node('a', { uses: 'test/none' })]))).rejects.toMatchObject({ code: 'RUN_CHANGED' });
    expect(await bench.store.list('')).toEqual([]);
  });
});

describe('cancelling a run', () => {
  it('aborts running steps, records what became of them, runs always steps, and can be resumed', async () => {
    const bench = new Bench();
    const cancel = new AbortController();
    void bench.clock.sleep(5_000).then(() => cancel.abort());
    const graph = graphOf([
      node('a', { with: { parts: 1, ms: 60_000 }, timeoutMs: 1e6 }),
      node('b', { needs: ['a'] }),
      node('z', { needs: ['b'], always: true }),
    ]);
    const result = await bench.start(graph, { signal: cancel.signal });
    expect(result).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED', kind: 'cancelled' } });
    expect(statesOf(result)).toEqual({ a: 'cancelled', b: 'cancelled', z: 'succeeded' });
    expect((await bench.stored(result.run)).state.end?.state).toBe('cancelled');
    const resumed = await bench.resume(result.run);
    expect(statesOf(resumed)).toEqual({ a: 'succeeded', b: 'succeeded', z: 'succeeded' });
    expect(bench.world.log).toEqual(['make a-0']);
  });

  it('is a success when everything had ended', async () => {
    const cancel = new AbortController();
    const bench = new Bench();
    bench.add(variant('test/last', { execute: async (ctx) => (ctx.ports.finish('a'), cancel.abort()) }));
    expect((await bench.start(graphOf([node('a', { uses: 'test/last' })]), { signal: cancel.signal })).state).toBe('succeeded');
  });
});
