import { describe, expect, it } from 'vitest';
import type { StepNode } from '../../../src/engine/graph-types.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { StepId } from '../../../src/model/ids.ts';
import { Bench, graphOf, makeThing, node, statesOf } from './run-harness.ts';

/** A guard that looks every second and sees a violation once the world says so. */
function addWatch(bench: Bench, calls: string[] = []): { violateAtMs?: number; firstLook: boolean; lastLook: boolean } {
  const state: { violateAtMs?: number; firstLook: boolean; lastLook: boolean } = { firstLook: true, lastLook: true };
  let looks = 0;
  bench.add({
    ...makeThing,
    kind: 'test/watch',
    risk: 'read-only',
    execute: async (ctx) => {
      calls.push('watching');
      for (;;) {
        await ctx.clock.sleep(1_000, ctx.signal);
        if (state.violateAtMs !== undefined && ctx.clock.monotonic() >= state.violateAtMs)
          throw new DrError({ code: 'FENCE_NOT_PROVEN', message: 'the old cluster answers again' });
      }
    },
    verify: async () => {
      calls.push('look');
      looks += 1;
      const ok = looks === 1 ? state.firstLook : state.lastLook;
      return ok ? { ok: true, outputs: { value: 'quiet' }, evidence: {} } : { ok: false, reason: 'it answers', evidence: {} };
    },
  });
  return state;
}

const guard = (protects: readonly string[], overrides: Partial<Omit<StepNode, 'needs'>> = {}): StepNode =>
  node('g', { uses: 'test/watch', needs: ['a'], guard: { protects: protects as StepId[] }, ...overrides });

const nodes = [
  node('a'),
  guard(['b', 'c']),
  node('b', { needs: ['a'], with: { ms: 5_000 } }),
  node('c', { needs: ['b'], with: { ms: 5_000 } }),
  node('d', { needs: ['g'] }),
];

describe('a guard', () => {
  it('looks before what it protects starts, watches beside it, and looks again at the end', async () => {
    const bench = new Bench();
    const calls: string[] = [];
    addWatch(bench, calls);
    const result = await bench.start(graphOf(nodes));
    expect(statesOf(result)).toEqual({ a: 'succeeded', g: 'succeeded', b: 'succeeded', c: 'succeeded', d: 'succeeded' });
    expect(calls).toEqual(['look', 'watching', 'look']);
    const told = await bench.told(result.run);
    expect(told.indexOf('step-started g')).toBeLessThan(told.indexOf('step-started b'));
    expect(told.indexOf('step-succeeded g')).toBeGreaterThan(told.indexOf('step-succeeded c'));
    expect(told.indexOf('step-succeeded g')).toBeLessThan(told.indexOf('step-started d'));
    expect(result.steps[1]).toMatchObject({ outputs: { value: 'quiet' }, elapsedMs: 10_000 });
    expect(bench.clock.pending).toBe(0);
  });

  it('takes no slot from what it protects', async () => {
    const bench = new Bench();
    addWatch(bench);
    expect((await bench.start(graphOf(nodes), { concurrency: 1 })).state).toBe('succeeded');
  });

  it('aborts what it protects at a violation, of the kind verification, and starts no more of it', async () => {
    const bench = new Bench();
    addWatch(bench).violateAtMs = 3_000;
    const result = await bench.start(graphOf(nodes));
    expect(statesOf(result)).toEqual({ a: 'succeeded', g: 'failed', b: 'failed', c: 'blocked', d: 'blocked' });
    expect(result).toMatchObject({
      state: 'failed',
      step: 'g',
      error: { code: 'GUARD_VIOLATED', kind: 'verification', message: expect.stringContaining('the old cluster answers again') },
    });
    expect(result.elapsedMs).toBe(3_000);
    expect(bench.world.finished.has('b')).toBe(false);
  });

  it('lets nothing start when its first look fails', async () => {
    const bench = new Bench();
    addWatch(bench).firstLook = false;
    const result = await bench.start(graphOf(nodes));
    expect(statesOf(result)).toMatchObject({ g: 'failed', b: 'blocked', c: 'blocked', d: 'blocked' });
    expect(result.error?.code).toBe('GUARD_VIOLATED');
  });

  it('fails the run when its last look fails, though the steps are done', async () => {
    const bench = new Bench();
    addWatch(bench).lastLook = false;
    const result = await bench.start(graphOf(nodes));
    expect(statesOf(result)).toMatchObject({ b: 'succeeded', c: 'succeeded', g: 'failed', d: 'blocked' });
    expect(result.error).toMatchObject({ code: 'GUARD_VIOLATED', message: expect.stringContaining('it answers') });
  });

  it('that stops watching by itself is a violation: nobody would see one', async () => {
    const bench = new Bench();
    bench.add({ ...makeThing, kind: 'test/watch', execute: async () => undefined, verify: async () => ({ ok: true, outputs: { value: '' }, evidence: {} }) });
    expect((await bench.start(graphOf(nodes))).error).toMatchObject({ code: 'GUARD_VIOLATED', message: expect.stringContaining('by itself') });
  });

  it('that is skipped guards nothing and stops nothing', async () => {
    const bench = new Bench();
    const calls: string[] = [];
    addWatch(bench, calls);
    const result = await bench.start(
      graphOf([node('a'), guard(['b'], { skipped: 'not in drills' }), node('b', { needs: ['a'] }), node('d', { needs: ['g'] })]),
    );
    expect(statesOf(result)).toEqual({ a: 'succeeded', g: 'skipped', b: 'succeeded', d: 'succeeded' });
    expect(calls).toEqual([]);
  });

  it('that cannot start, because what it needs has failed, leaves what it protects blocked', async () => {
    const bench = new Bench();
    addWatch(bench);
    const result = await bench.start(graphOf([node('a', { with: { fails: true } }), guard(['b']), node('b')], { keepGoing: true }));
    expect(statesOf(result)).toEqual({ a: 'failed', g: 'blocked', b: 'blocked' });
  });

  it('stops with a run that waits or is cancelled, and watches anew on resume', async () => {
    const bench = new Bench();
    const calls: string[] = [];
    addWatch(bench, calls);
    const graph = graphOf([
      node('a'),
      guard(['b', 'c']),
      node('b', { needs: ['a'], with: { ms: 2_000 } }),
      node('c', { needs: ['b'], gate: { reason: 'why', approve: 1 } }),
    ]);
    const waiting = await bench.start(graph);
    expect(statesOf(waiting)).toEqual({ a: 'succeeded', g: 'blocked', b: 'succeeded', c: 'waiting' });
    expect(bench.clock.pending).toBe(0);
    const resumed = await bench.resume(waiting.run, { decisions: { approve: ['c'], attest: {} } });
    expect(resumed.state).toBe('succeeded');
    expect(calls.filter((call) => call === 'watching')).toHaveLength(2);
  });

  it('ends as cancelled with its run', async () => {
    const bench = new Bench();
    addWatch(bench);
    const cancel = new AbortController();
    void bench.clock.sleep(2_500).then(() => cancel.abort());
    const result = await bench.start(graphOf(nodes), { signal: cancel.signal });
    expect(statesOf(result)).toMatchObject({ a: 'succeeded', g: 'cancelled', b: 'cancelled', c: 'cancelled' });
    expect(bench.clock.pending).toBe(0);
  });

  it('still sees a violation while the run waits for its other steps to end', async () => {
    const bench = new Bench();
    addWatch(bench).violateAtMs = 3_000;
    const graph = graphOf([
      node('a'),
      guard(['b', 'c']),
      node('b', { needs: ['a'], with: { ms: 9_000 } }),
      node('c', { needs: ['a'], gate: { reason: 'why', approve: 1 } }),
    ]);
    const result = await bench.start(graph);
    expect(statesOf(result)).toEqual({ a: 'succeeded', g: 'failed', b: 'failed', c: 'waiting' });
    expect(result).toMatchObject({ state: 'failed', step: 'g', error: { code: 'GUARD_VIOLATED' } });
  });

  it('that is cancelled during its first look has guarded nothing', async () => {
    const bench = new Bench();
    bench.add({
      ...makeThing,
      kind: 'test/watch',
      verify: async (ctx) => await ctx.clock.sleep(60_000, ctx.signal).then(() => ({ ok: true, outputs: { value: '' }, evidence: {} })),
    });
    const cancel = new AbortController();
    void bench.clock.sleep(1_000).then(() => cancel.abort());
    const result = await bench.start(graphOf(nodes), { signal: cancel.signal });
    expect(statesOf(result)).toEqual({ a: 'succeeded', g: 'cancelled', b: 'cancelled', c: 'cancelled', d: 'cancelled' });
  });

  it('that ignores its abort holds the run up for 10 s and no longer', async () => {
    const bench = new Bench();
    bench.add({
      ...makeThing,
      kind: 'test/watch',
      execute: () => new Promise(() => undefined),
      verify: async () => ({ ok: true, outputs: { value: '' }, evidence: {} }),
    });
    const result = await bench.start(graphOf(nodes));
    expect([result.state, result.elapsedMs]).toEqual(['succeeded', 20_000]);
  });

  it('stops with a run whose journal can no longer be written', async () => {
    const bench = new Bench();
    addWatch(bench);
    bench.store.crashAt({ append: 9, side: 'before' });
    const result = await bench.start(graphOf(nodes));
    expect(result).toMatchObject({ state: 'failed', error: { code: 'STORE_FAILED' } });
    expect(bench.clock.pending).toBe(0);
  });
});
