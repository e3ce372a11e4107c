import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Taken, takeCluster } from '../../../src/engine/claims.ts';
import { ownJournal } from '../../../src/engine/own-run.ts';
import type { FrozenRun } from '../../../src/engine/run-files.ts';
import type { OwnerEnvironment } from '../../../src/engine/run-options.ts';
import { digestOf } from '../../../src/model/digest.ts';
import type { RunId } from '../../../src/model/ids.ts';
import type { RunStore } from '../../../src/ports/run-store.ts';
import { Bench, CLUSTER, graphOf, node, processOwner } from './run-harness.ts';

const OLD = 'east-20260301T020000Z-aaaa' as RunId;
const runId = (n: number): RunId => `east-20260301T03000${n}Z-000${n}` as RunId;

function frozen(id: RunId): FrozenRun {
  return {
    format: 1,
    id,
    cluster: CLUSTER,
    mode: 'recovery',
    tool: '1',
    startedAt: '2026-03-01T02:00:00.000Z',
    graph: graphOf([]),
    contracts: {},
    sources: {},
  };
}

/** Takes the cluster and becomes owner, as a starting or resuming run does. */
async function own(env: OwnerEnvironment, run: RunId): Promise<Taken> {
  const taken = await takeCluster({ env, cluster: CLUSTER, run });
  await ownJournal({ env, frozen: frozen(run), taken, frozenDigest: digestOf('x') }, 'run');
  return taken;
}

describe('the lock of a cluster', () => {
  it('is held by a run that lives: another one is told by whom, since when and what to do', async () => {
    const bench = new Bench();
    const holder = bench.process();
    bench.living.add(holder.owner.pid);
    const { run } = await started(bench, holder);
    await bench.clock.advance(12_000);
    const refused = bench.start(graphOf([node('a')]));
    await expect(refused).rejects.toMatchObject({
      code: 'RUN_LOCKED',
      kind: 'locked',
      message: `cluster 'east' is held by run '${run}': process ${holder.owner.pid} of ops on host 'here', last sign of life 12.0 s ago`,
      suggestions: [
        `to watch it: lattice-dr attach ${run}`,
        `to see how it stands: lattice-dr status ${run}`,
        `to have it end in good order: lattice-dr cancel ${run}`,
        `if it does not answer, stop it with: kill -INT ${holder.owner.pid}`,
        expect.stringContaining(`lattice-dr resume ${run} --take-over`),
      ],
    });
    expect(await bench.store.list('runs/')).toEqual(await bench.store.list(`runs/${run}/`));
  });

  it('of a live run refuses a second process that would resume it', async () => {
    const bench = new Bench();
    const holder = bench.process();
    bench.living.add(holder.owner.pid);
    const { run } = await started(bench, holder);
    await expect(bench.resume(run)).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  });

  it('passes at once, without a wait, when the process is gone', async () => {
    const bench = new Bench();
    const { run } = await started(bench, bench.process());
    const before = bench.clock.monotonic();
    const result = await bench.start(graphOf([node('a')]));
    expect([result.state, bench.clock.monotonic()]).toEqual(['succeeded', before]);
    expect((await bench.stored(run)).state).toMatchObject({ status: 'superseded', supersededBy: result.run });
    expect(bench.events).toContainEqual(expect.objectContaining({ type: 'journal', message: expect.stringContaining(`'${run}' held the cluster`) }));
  });

  it.each([
    ['before the machine was started again', { boot: 'boot-2' }],
    ['on another host', { host: 'elsewhere' }],
  ])('stays when the holder ran %s, until a person says how it is known to be gone', async (_what, here) => {
    const bench = new Bench();
    const holder = bench.process();
    bench.living.add(holder.owner.pid);
    const { run } = await started(bench, holder);
    const owner = processOwner(7, here);
    await expect(bench.resume(run, { owner })).rejects.toMatchObject({
      code: 'RUN_LOCKED',
      suggestions: [
        expect.stringContaining(`lattice-dr attach ${run}`),
        expect.stringContaining(`lattice-dr status ${run}`),
        expect.stringContaining(`lattice-dr cancel ${run}`),
        expect.stringContaining("it ran on host 'here'"),
        expect.stringContaining(`lattice-dr resume ${run} --owner-gone`),
        expect.stringContaining(`lattice-dr resume ${run} --take-over`),
      ],
    });
    expect((await bench.resume(run, { owner, ownerGone: 'I switched it off' })).state).toBe('succeeded');
    const { journal } = await bench.stored(run);
    expect(journal.entries.findLast((entry) => entry.type === 'owner')).toMatchObject({ ownerGone: 'I switched it off' });
  });

  it('of a process that is seen to live yields to no statement', async () => {
    const bench = new Bench();
    const holder = bench.process();
    bench.living.add(holder.owner.pid);
    const { run } = await started(bench, holder);
    await expect(bench.resume(run, { ownerGone: 'I think so' })).rejects.toMatchObject({ code: 'RUN_LOCKED' });
  });

  it('is free after every orderly end, and the run can be resumed until another one has followed', async () => {
    const bench = new Bench();
    const failing = graphOf([node('a', { with: { fails: true } })]);
    const first = await bench.start(failing);
    expect((await bench.resume(first.run)).state).toBe('failed');
    const next = await bench.start(failing);
    await expect(bench.resume(first.run)).rejects.toMatchObject({
      code: 'RUN_LOCKED',
      message: `run '${first.run}' has been followed by run '${next.run}' on cluster 'east', so it can no longer be resumed`,
    });
    expect(await bench.store.list('clusters/')).toHaveLength(3);
  });

  it('goes on under the same claim when the run that died is resumed', async () => {
    const bench = new Bench();
    const { run } = await started(bench, bench.process());
    await bench.resume(run);
    expect(await bench.store.list('clusters/')).toHaveLength(1);
  });

  it('cannot be resumed by a run that was superseded', async () => {
    const bench = new Bench();
    const { run } = await started(bench, bench.process());
    await bench.start(graphOf([node('a')]));
    await expect(bench.resume(run)).rejects.toMatchObject({ code: 'RUN_LOCKED', message: expect.stringContaining('followed') });
  });

  it('that cannot be read is not taken for free', async () => {
    const bench = new Bench();
    await bench.store.putIfAbsent('clusters/east/claims/000001', Buffer.from('{'));
    await expect(bench.start(graphOf([node('a')]))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });

  it('whose segment names nobody is not taken for free either', async () => {
    const bench = new Bench();
    const { run } = await started(bench, bench.process());
    await bench.store.openLog(run, 'somebody', 1);
    await expect(bench.start(graphOf([node('a')]))).rejects.toMatchObject({ code: 'JOURNAL_BROKEN', message: expect.stringContaining('segment 2') });
  });

  it('of one cluster does not touch another', async () => {
    const bench = new Bench();
    const holder = bench.process();
    bench.living.add(holder.owner.pid);
    await started(bench, holder);
    expect((await bench.start(graphOf([node('a')]), { cluster: 'west' as typeof CLUSTER })).state).toBe('succeeded');
  });
});

/** A run whose process stops in its middle: its journal has no final line. */
async function started(bench: Bench, env: ReturnType<Bench['process']>): Promise<{ readonly run: RunId }> {
  bench.store.crashAt({ append: 4, side: 'after' });
  const { run } = await bench.start(graphOf([node('a', { with: { ms: 1 } })]), env);
  bench.store.revive();
  return { run };
}

/** A store whose every call takes its turn with those of all other processes, in an order that the test's scheduler picks. */
function interleaved(store: RunStore, scheduler: fc.Scheduler): RunStore {
  const turn = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve(), what);
    return await call();
  };
  return {
    location: store.location,
    putIfAbsent: (key, value) => turn(`put ${key}`, () => store.putIfAbsent(key, value)),
    get: (key) => turn(`get ${key}`, () => store.get(key)),
    list: (prefix) => turn(`list ${prefix}`, () => store.list(prefix)),
    readLog: (run) => turn(`read ${run}`, () => store.readLog(run)),
    putEvidence: (run, name, chunks) => store.putEvidence(run, name, chunks),
    listRuns: () => store.listRuns(),
    readLogEnd: (run) => store.readLogEnd(run),
    openLog: async (run, owner, after) => {
      const log = await turn(`open ${run}`, () => store.openLog(run, owner, after));
      if (log === undefined) return undefined;
      return { append: (lines) => turn(`append ${run}`, () => log.append(lines)), [Symbol.asyncDispose]: async () => undefined };
    },
  };
}

describe('racing processes', () => {
  const contenders = fc.array(fc.constantFrom('resume', 'start'), { minLength: 2, maxLength: 4 });
  const pasts = fc.constantFrom('never', 'crashed', 'ended', 'crashed before its first line');

  it('end with exactly one owner, whatever the order of their calls', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), contenders, pasts, async (scheduler, kinds, past) => {
        const bench = new Bench();
        await prepare(bench, past);
        const store = interleaved(bench.store, scheduler);
        const attempts = kinds.map(async (kind, index) => {
          const env = bench.process({ store });
          bench.living.add(env.owner.pid);
          await own(env, kind === 'resume' && past !== 'never' ? OLD : runId(index));
          return env.owner.pid;
        });
        const settled = Promise.allSettled(attempts);
        await scheduler.waitFor(settled);
        const outcomes = await settled;
        expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
        for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ kind: 'locked' });
      }),
      { numRuns: 200 },
    );
  });
});

async function prepare(bench: Bench, past: string): Promise<void> {
  if (past === 'never') return;
  const env = bench.process();
  if (past === 'crashed before its first line') {
    await takeCluster({ env, cluster: CLUSTER, run: OLD });
    return;
  }
  const taken = await takeCluster({ env, cluster: CLUSTER, run: OLD });
  const journal = await ownJournal({ env, frozen: frozen(OLD), taken, frozenDigest: digestOf('x') }, 'run');
  if (past === 'ended') await journal.append({ type: 'ended', state: 'failed' });
}
