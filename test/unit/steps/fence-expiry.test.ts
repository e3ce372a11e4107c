import { describe, expect, it } from 'vitest';
import { fencedSchema } from '../../../src/steps/fence-expiry.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import { lattice, operator, PLAN_CLUSTER, platformCluster } from './objects.ts';
import { StepBench } from './step-harness.ts';

const PAST = '2026-03-01T02:59:59.000Z';
const FUTURE = '2026-03-01T09:00:00.000Z';
const OLD = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'workload' };

/** A parent with the dead cluster on it, which goes when it is retired. The time of the bench is 03:00. */
function world(programs: Readonly<Record<string, FakeProgram>> = {}) {
  const parent = platformCluster('https://parent.invalid:6443');
  const available = { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 };
  parent.put({ ...operator(), status: available });
  parent.put(lattice('LatticeCluster', 'workload', { spec: {}, status: { phase: 'Ready' } }));
  const bench = new StepBench({ clusters: { 'parent.yaml': parent }, programs });
  const retire = async (fenced: object) => await bench.run('cluster/retire', { cluster: PLAN_CLUSTER, fenced: { ...fenced } });
  return { bench, parent, retire, isThere: () => parent.peek(OLD) !== undefined };
}

describe('what a step that destroys relies on', () => {
  it('lets it act while every proof counts, and while none was asked for', async () => {
    for (const fenced of [{ commanded: FUTURE, stated: FUTURE, writes: FUTURE }, {}]) {
      const { retire, isThere } = world();
      expect((await retire(fenced)).error).toBeUndefined();
      expect(isThere()).toBe(false);
    }
  });

  it.each([
    ['that it cannot act', { stated: PAST, writes: FUTURE }, /the old cluster cannot act expired at 2026-03-01T02:59:59.000Z/],
    ['that it cannot write outside', { stated: FUTURE, writes: PAST }, /cannot write outside expired/],
    ['by a command that nothing checks', { commanded: PAST }, /was switched off expired/],
    ['whose time cannot be read', { writes: 'yesterday' }, /cannot write outside expired/],
  ])('stops it before the first change when a proof has expired %s', async (_what, fenced, message) => {
    const { bench, retire, isThere } = world();
    const { error, run } = await retire(fenced);
    expect(error).toMatchObject({ code: 'FENCE_NOT_PROVEN', kind: 'precondition', message: expect.stringMatching(message) });
    expect(error?.suggestions[0]).toContain(`lattice-dr resume ${run}`);
    expect(isThere()).toBe(true);
    expect((await bench.journal()).filter(({ type }) => type === 'effect-intent')).toEqual([]);
  });

  it('is proven anew by the check of the plan, right then', async () => {
    const { bench, retire, isThere } = world({ 'is-off': 'all off' });
    expect((await retire({ commanded: PAST, off: ['is-off'] })).error).toBeUndefined();
    expect([bench.processes.calls, isThere()]).toEqual([['is-off'], false]);
  });

  it('stops it when the check says that the old machines are on again', async () => {
    const { retire, isThere } = world({ 'is-off': { exitCode: 1, output: 'cp-1 runs' } });
    const { error } = await retire({ commanded: PAST, off: ['is-off'] });
    expect(error).toMatchObject({ code: 'FENCE_NOT_PROVEN', message: expect.stringContaining('cp-1 runs') });
    expect(isThere()).toBe(true);
  });

  it.each(['cluster/provision', 'dns/cutover'])('is what %s takes too, by the same name', async (uses) => {
    const { catalogue } = await import('../../../src/steps/catalogue.ts');
    const schema = catalogue.get(uses)?.with as unknown as { readonly shape: Readonly<Record<string, { safeParse(value: unknown): { success: boolean } }>> };
    expect(schema.shape['fenced']?.safeParse({ writes: PAST }).success).toBe(true);
    expect(schema.shape['fenced']?.safeParse({ writes: 1 }).success).toBe(false);
    expect(fencedSchema.safeParse({}).success).toBe(true);
  });
});
