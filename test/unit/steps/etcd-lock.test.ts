import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { memberOf } from './etcd-member.ts';
import { StepBench } from './step-harness.ts';

const INPUT: JsonObject = {
  controlPlane: { distribution: 'kubeadm', nodes: [{ name: 'cp-1', address: '10.0.0.11' }] },
  plane: { members: [memberOf('cp-1')] },
};

/** A machine that tells whose its lock is, and what the holder has left aside. */
function machineWith(left: { readonly data: 'aside' | 'back' | 'untouched'; readonly etcd: 'in-place' | 'parked' }) {
  const bench = new StepBench();
  let holder = '';
  const machine = bench.nodes.machine('cp-1');
  machine.on('see who has the lock of the machine', () => holder);
  machine.on('take the lock of the machine', ({ args = [] }) => {
    holder = holder === '' ? (args[1] ?? '') : holder;
    return holder;
  });
  machine.on('free the lock of the machine', ({ args = [] }) => {
    holder = args[1] === holder ? '' : holder;
    return '';
  });
  for (const component of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-vip', 'etcd'])
    machine.on(`see whether ${component} is put aside`, () => (component === 'etcd' ? left.etcd : 'absent'));
  machine.on('see whether data is still aside', () => left.data);
  return { bench, machine, holder: () => holder, hold: (run: string) => (holder = run) };
}

describe('etcd/lock', () => {
  it('holds each machine for the run, and finds its own lock when it comes again', async () => {
    const { bench, holder } = machineWith({ data: 'untouched', etcd: 'in-place' });
    const { error, run } = await bench.run('etcd/lock', INPUT);
    expect(error).toBeUndefined();
    expect(holder()).toBe(run);
  });

  it('follows a run of the same store that has touched nothing', async () => {
    const { bench, holder } = machineWith({ data: 'untouched', etcd: 'in-place' });
    const first = await bench.run('etcd/lock', INPUT);
    const second = await bench.run('etcd/lock', INPUT);
    expect(second.error).toBeUndefined();
    expect(second.run).not.toBe(first.run);
    expect(holder()).toBe(second.run);
  });

  it.each([
    ['data', { data: 'aside', etcd: 'in-place' }],
    ['the manifest of etcd', { data: 'untouched', etcd: 'parked' }],
  ] as const)('never follows one that has left %s aside: it names that run, to be continued or taken back', async (_what, left) => {
    const { bench, holder, machine } = machineWith(left);
    const first = await bench.run('etcd/lock', INPUT);
    const { error } = await bench.run('etcd/lock', INPUT);
    expect(error).toMatchObject({ code: 'RUN_LOCKED', kind: 'locked', details: { holder: first.run, node: 'cp-1', begun: true } });
    expect(error?.suggestions[0]).toContain(`lattice-dr rollback ${first.run}`);
    expect(holder()).toBe(first.run);
    expect(machine.ran).not.toContain('free the lock of the machine');
  });

  it('never follows a run that this store does not know', async () => {
    const { bench, hold } = machineWith({ data: 'untouched', etcd: 'in-place' });
    hold('other-20260301T010000Z-beef');
    const { error } = await bench.run('etcd/lock', INPUT);
    expect(error).toMatchObject({ code: 'RUN_LOCKED', details: { holder: 'other-20260301T010000Z-beef', begun: false } });
  });
});
