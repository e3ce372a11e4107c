import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { objectOf, PLAN_CLUSTER, platformCluster } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench } from './step-harness.ts';

const INPUT = { cluster: PLAN_CLUSTER };
const LEASE = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: 'lattice-system', name: 'lattice-dr-workload' };

function world(uses = 'lock/parent'): CrashCase & { readonly parent: FakeKubeCluster } {
  const parent = platformCluster();
  const bench = new StepBench({ clusters: { 'parent.yaml': parent } });
  return { bench, parent, run: async () => bench.run(uses, INPUT), resume: async () => bench.resume() };
}

function lease(holderIdentity: string) {
  return objectOf(LEASE.apiVersion, 'Lease', {
    place: 'lattice-system/lattice-dr-workload',
    rest: { spec: { holderIdentity, acquireTime: '2026-03-01T01:00:00.000000Z' } },
  });
}

function holderOf(parent: FakeKubeCluster): unknown {
  return parent.peek(LEASE)?.spec?.['holderIdentity'];
}

function writes(parent: FakeKubeCluster): readonly string[] {
  return parent.requests.filter(({ verb }) => verb !== 'get').map(({ verb }) => verb);
}

describe('lock/parent', () => {
  it('takes a lease that never runs out', async () => {
    const { run, parent } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(parent.peek(LEASE)?.spec).toEqual({ holderIdentity: result.run, acquireTime: '2026-03-01T03:00:00.000000Z', leaseDurationSeconds: 2_147_483_647 });
  });

  it('stops when another run holds it, names that run, and changes nothing', async () => {
    const { run, parent } = world();
    parent.put(lease('workload-20260301T010000Z-beef'));
    const { error } = await run();
    expect(error).toMatchObject({
      code: 'RUN_LOCKED',
      kind: 'locked',
      details: { holder: 'workload-20260301T010000Z-beef', since: '2026-03-01T01:00:00.000000Z' },
    });
    expect(error?.suggestions[0]).toContain('resume workload-20260301T010000Z-beef');
    expect(writes(parent)).toEqual([]);
  });

  it('names who took it, where and how long ago, to whoever keeps the state of runs elsewhere', async () => {
    const { run, parent } = world();
    const holder = await run();
    const second = new StepBench({ clusters: { 'parent.yaml': parent } });
    await second.clock.advance(12 * 60_000);
    const { error } = await second.run('lock/parent', INPUT);
    expect(error).toMatchObject({
      code: 'RUN_LOCKED',
      kind: 'locked',
      details: { holder: holder.run, host: 'fake-host', user: 'fake-user (process 1)' },
    });
    expect(error?.message).toContain(
      `run '${holder.run}', taken by fake-user (process 1) on host 'fake-host' at 2026-03-01T03:00:00.000000Z (12 min 0 s ago); its state is not in this state store`,
    );
  });

  it('loses a race with another run that comes between look and create', async () => {
    const { run, parent } = world();
    parent.inject({ verbs: ['create'], times: 1, fault: () => void parent.put(lease('workload-20260301T010000Z-beef')) });
    expect((await run()).error).toMatchObject({ code: 'RUN_LOCKED' });
    expect(holderOf(parent)).toBe('workload-20260301T010000Z-beef');
  });

  it('finds its own after a resume', async () => {
    const { bench, parent } = world();
    const rehearsal = world();
    await rehearsal.run();
    bench.store.crashAt({ append: rehearsal.bench.store.appends - 1, side: 'before' });
    await bench.run('lock/parent', INPUT);
    expect((await bench.resume()).state).toBe('succeeded');
    expect(writes(parent)).toEqual(['create']);
  });

  it('takes over what an earlier run of the same store left behind', async () => {
    const { bench, parent } = world();
    const first = await bench.run('lock/parent', INPUT);
    const second = await bench.run('lock/parent', INPUT);
    expect(second.error).toBeUndefined();
    expect(second.run).not.toBe(first.run);
    expect(holderOf(parent)).toBe(second.run);
  });

  it('needs a parent', async () => {
    const { bench } = world();
    const cluster = { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'x' } } };
    expect((await bench.run('lock/parent', { cluster })).error).toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('holds one lease, wherever it is killed', async () => {
    await crashEverywhere(world, async ({ parent, bench }, result, where) => {
      expect(result.error, where).toBeUndefined();
      expect(holderOf(parent), where).toBe(await bench.runId());
      expect(writes(parent), where).toEqual(['create']);
    });
  });
});

describe('lock/release', () => {
  it('leaves the lease of another run', async () => {
    const { run, parent } = world('lock/release');
    parent.put(lease('another'));
    expect((await run()).state).toBe('succeeded');
    expect(holderOf(parent)).toBe('another');
  });

  it('has nothing to do without one', async () => {
    const { run, parent } = world('lock/release');
    expect((await run()).state).toBe('succeeded');
    expect(writes(parent)).toEqual([]);
  });

  it('deletes its own, once, wherever it is killed', async () => {
    // A bench is the same each time, and so is the id of its first run.
    const { run: id } = await world('lock/release').run();
    const ours = () => {
      const made = world('lock/release');
      made.parent.put(lease(id));
      return made;
    };
    const check = ({ parent }: ReturnType<typeof ours>, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(holderOf(parent), where).toBeUndefined();
      expect(writes(parent), where).toEqual(['delete']);
    };
    await crashEverywhere(ours, check, ['lock/release delete-lease']);
  });
});
