import { describe, expect, it } from 'vitest';
import { type ReleaseOptions, releaseHolds } from '../../../src/engine/release-holds.ts';
import { recordedResult } from '../../../src/engine/resume-run.ts';
import { type FrozenRun, freezeRun, latestRun, readRun } from '../../../src/engine/run-files.ts';
import { begunRuns, glanceAtRuns } from '../../../src/engine/run-list.ts';
import type { Hold, HoldKind } from '../../../src/model/hold.ts';
import { Bench, CLUSTER, graphOf, makeThing, node } from './run-harness.ts';

const failing = graphOf([node('a', { with: { fails: true } })]);

describe('stored runs', () => {
  it('are listed oldest first, of one cluster or all, with how they ended', async () => {
    const bench = new Bench();
    const first = await bench.start(failing);
    await bench.clock.advance(1_000);
    const west = await bench.start(graphOf([node('b')]), { cluster: 'west' as typeof CLUSTER });
    await bench.clock.advance(1_000);
    const last = await bench.start(graphOf([node('c')]));
    const at = '2026-03-01T03:00:00.000Z';
    expect(await glanceAtRuns(bench.store)).toMatchObject([
      { frozen: { id: first.run, startedAt: at }, ending: { status: 'ended', end: 'failed', at, held: 0 } },
      { frozen: { id: west.run, cluster: 'west' }, ending: { end: 'succeeded' } },
      { frozen: { id: last.run } },
    ]);
    expect((await glanceAtRuns(bench.store, CLUSTER)).map(({ frozen }) => frozen.id)).toEqual([first.run, last.run]);
    expect(await begunRuns(bench.store)).toEqual([first.run, west.run, last.run]);
    expect(await latestRun(bench.store, CLUSTER)).toBe(last.run);
  });

  it('that never began are not listed', async () => {
    const bench = new Bench();
    bench.store.crashAt({ append: 1, side: 'before' });
    await expect(bench.start(failing)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    bench.store.revive();
    expect(await begunRuns(bench.store)).toEqual([]);
  });

  it('are not found where there are none', async () => {
    await expect(latestRun(new Bench().store, CLUSTER)).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('of another format are refused with the way out', async () => {
    const bench = new Bench();
    const id = 'east-20260301T030000Z-0001' as FrozenRun['id'];
    await bench.store.putIfAbsent(`runs/${id}/run.json`, Buffer.from('{"format":99}'));
    await expect(readRun(bench.store, id)).rejects.toMatchObject({ code: 'RUN_CHANGED', suggestions: [expect.stringContaining('version')] });
  });

  it('are frozen once', async () => {
    const bench = new Bench();
    const { run } = await bench.start(failing);
    const { frozen } = await readRun(bench.store, run);
    expect(frozen).toMatchObject({ id: run, cluster: 'east', tool: '1.0.0', contracts: { 'test/thing': 1 }, graph: failing });
    await expect(freezeRun(bench.store, frozen)).rejects.toMatchObject({ code: 'BUG' });
  });

  it('tell what they came to from their journal alone, as the run itself did', async () => {
    const bench = new Bench();
    const graph = graphOf([
      node('a', { with: { ms: 500 } }),
      node('b', { needs: ['a'], with: { fails: true, ms: 250 } }),
      node('c', { needs: ['b'] }),
      node('d', { skipped: 'no' }),
    ]);
    const result = await bench.start(graph);
    const recorded = recordedResult(await readRun(bench.store, result.run), 'memory');
    expect(recorded.steps).toEqual(result.steps);
    expect(recorded).toMatchObject({ state: 'failed', elapsedMs: 750, error: { code: 'STEP_FAILED', message: result.error?.message } });
  });
});

describe('a run that died', () => {
  it('tells what it had come to', async () => {
    const bench = new Bench();
    const graph = graphOf([node('a'), node('b', { needs: ['a'], with: { parts: 1 } }), node('c', { needs: ['b'] })]);
    bench.store.crashAt({ append: 7, side: 'after' });
    const { run } = await bench.start(graph);
    bench.store.revive();
    const recorded = recordedResult(await readRun(bench.store, run), 'memory');
    expect(recorded.steps.map((step) => step.state)).toEqual(['succeeded', 'running', 'pending']);
    expect(recorded).toMatchObject({ state: 'cancelled', holds: [] });
    expect(recorded.error).toBeUndefined();
  });
});

describe('releasing holds', () => {
  const hold = (kind: HoldKind, name: string): Hold => ({ id: `${kind}/${name}`, kind, subject: name, prior: {}, releaseWhen: 'later' });
  const holds = [hold('child-cluster', 'c'), hold('backup-location', 'l'), hold('dns-provider', 'd')];

  async function held(bench: Bench): Promise<ReleaseOptions['run']> {
    bench.add({
      ...makeThing,
      kind: 'test/holder',
      execute: async (ctx) => {
        for (const each of holds) await ctx.hold(each);
        ctx.ports.finish('a');
      },
    });
    return (await bench.start(graphOf([node('a', { uses: 'test/holder' })]))).run;
  }

  function options(bench: Bench, run: ReleaseOptions['run'], release: ReleaseOptions['release']): ReleaseOptions {
    return { ...bench.process(), run, release };
  }

  it('goes in the fixed order of their kinds, journals each, and leaves the run as it was', async () => {
    const bench = new Bench();
    const run = await held(bench);
    const order: string[] = [];
    const result = await releaseHolds(options(bench, run, async ({ id }) => void order.push(id)));
    expect(order).toEqual(['dns-provider/d', 'backup-location/l', 'child-cluster/c']);
    expect(result).toMatchObject({ released: [{ id: 'dns-provider/d' }, {}, {}], remaining: [] });
    const { state } = await readRun(bench.store, run);
    expect(state).toMatchObject({ status: 'ended', end: { state: 'succeeded' } });
    expect(state.steps.get('a' as never)?.state).toBe('succeeded');
    expect([...state.holds.values()].map((record) => record.releasedBy)).toEqual(['ops', 'ops', 'ops']);
    expect(await releaseHolds(options(bench, run, async () => undefined))).toEqual({ released: [], remaining: [] });
  });

  it('frees only what is named, and refuses what is not held', async () => {
    const bench = new Bench();
    const run = await held(bench);
    const result = await releaseHolds({ ...options(bench, run, async () => undefined), only: ['dns-provider/d'] });
    expect(result.remaining.map(({ id }) => id)).toEqual(['child-cluster/c', 'backup-location/l']);
    await expect(releaseHolds({ ...options(bench, run, async () => undefined), only: ['dns-provider/d'] })).rejects.toMatchObject({ code: 'USAGE' });
  });

  it('stops at the first that fails; what was released before stays so', async () => {
    const bench = new Bench();
    const run = await held(bench);
    const release: ReleaseOptions['release'] = async ({ id }) => {
      if (id === 'backup-location/l') throw new Error('refused');
    };
    const result = await releaseHolds(options(bench, run, release));
    expect(result).toMatchObject({ released: [{ id: 'dns-provider/d' }], error: { message: expect.stringContaining('refused') } });
    const { state } = await readRun(bench.store, run);
    expect(state.status).toBe('ended');
    expect([...state.holds.values()].filter((record) => record.releasedAt === undefined).map((record) => record.hold.id)).toEqual([
      'child-cluster/c',
      'backup-location/l',
    ]);
  });

  it('says when the journal can no longer be written, and counts nothing that is not in it', async () => {
    const bench = new Bench();
    const run = await held(bench);
    bench.store.crashAt({ append: 3, side: 'before' });
    const result = await releaseHolds(options(bench, run, async () => undefined));
    expect(result).toMatchObject({
      released: [{ id: 'dns-provider/d' }],
      remaining: [{ id: 'child-cluster/c' }, { id: 'backup-location/l' }],
      error: { code: 'STORE_FAILED' },
    });
    bench.store.revive();
    expect((await releaseHolds(options(bench, run, async () => undefined))).remaining).toEqual([]);
  });

  it('is refused while the run lives', async () => {
    const bench = new Bench();
    bench.add({ ...makeThing, kind: 'test/holder', execute: async (ctx) => (await ctx.hold(hold('gitops', 'g')), ctx.ports.finish('a')) });
    const holder = bench.process();
    bench.store.crashAt({ append: 5, side: 'after' });
    const { run } = await bench.start(graphOf([node('a', { uses: 'test/holder' })]), holder);
    bench.store.revive();
    bench.living.add(holder.owner.pid);
    await expect(releaseHolds(options(bench, run, async () => undefined))).rejects.toMatchObject({ code: 'RUN_LOCKED' });
    bench.living.clear();
    expect((await releaseHolds(options(bench, run, async () => undefined))).released).toHaveLength(1);
  });
});
