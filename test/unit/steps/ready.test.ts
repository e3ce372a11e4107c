import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { declaredNodes } from '../../../src/steps/cluster/ready.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { BROUGHT, core, lattice, operator, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { StepBench } from './step-harness.ts';

const SPEC = { nodes: { controlPlane: { replicas: 1 }, workerPools: { general: { replicas: 2 } } }, latticeImage: 'registry.invalid/lattice:1' };
const INSTALLS = ['CiliumInstall', 'CertManagerInstall', 'ESOInstall'];

function node(name: string, ready = 'True'): KubeObject {
  return core('Node', name, { status: { conditions: [{ type: 'Ready', status: ready }] } });
}

function install(kind: string, phase = 'Ready'): KubeObject {
  return lattice(kind, 'default', { status: { phase } });
}

function readyCluster(without: readonly string[] = []): FakeKubeCluster {
  const cluster = platformCluster(undefined, without);
  for (const object of [node('cp'), node('a'), node('b'), operator(), ...INSTALLS.map((kind) => install(kind))]) cluster.put(object);
  return cluster;
}

function benchOf(cluster: FakeKubeCluster) {
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'cluster.yaml': yaml(lattice('LatticeCluster', 'workload', { spec: SPEC })) } });
  const input = { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, timeout: '3m' };
  return { bench, input, run: async () => bench.run('cluster/ready', input) };
}

describe('nodes that a spec declares', () => {
  it.each([
    ['no nodes at all', {}, 1],
    ['control plane and pools', { nodes: { controlPlane: { replicas: 3 }, workerPools: { a: { replicas: 2 }, b: { replicas: 4 } } } }, 9],
    ['an autoscaled pool with its minimum', { nodes: { controlPlane: { replicas: 1 }, workerPools: { a: { replicas: 7, min: 2, max: 9 } } } }, 3],
    ['a pool that may be empty', { nodes: { controlPlane: { replicas: 1 }, workerPools: { a: { min: 0, max: 9 } } } }, 1],
    ['a minimum without a maximum, which does not autoscale', { nodes: { controlPlane: { replicas: 1 }, workerPools: { a: { replicas: 5, min: 2 } } } }, 6],
    ['a pool without a number', { nodes: { controlPlane: { replicas: 1 }, workerPools: { a: {} } } }, 1],
  ])('%s', (_, spec, count) => {
    expect(declaredNodes(spec)).toBe(count);
  });
});

describe('cluster/ready', () => {
  it('goes on at once when everything is there, and leaves nothing behind', async () => {
    const cluster = readyCluster();
    const result = await benchOf(cluster).run();
    expect(result.error).toBeUndefined();
    expect(
      cluster.peek({ apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'default', name: 'lattice-dr-webhook-probe' }),
    ).toBeUndefined();
    expect(cluster.requests.filter(({ verb }) => verb !== 'get' && verb !== 'list')).toEqual([]);
  });

  it.each<[string, (cluster: FakeKubeCluster) => void, string]>([
    ['a node that is not Ready', (cluster) => cluster.put(node('b', 'False')), '2 of 3 nodes are Ready'],
    [
      'no operator',
      (cluster) => cluster.remove({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'lattice-system', name: 'lattice-operator' }),
      'lattice-operator does not exist',
    ],
    [
      'an operator that rolls out',
      (cluster) => cluster.put(operator({ observedGeneration: 1, replicas: 2, updatedReplicas: 1, availableReplicas: 1 })),
      'lattice-operator',
    ],
    [
      'an Install that is not Ready',
      (cluster) => cluster.put(install('CertManagerInstall', 'Installing')),
      'CertManagerInstall/default is in phase Installing',
    ],
    [
      'an Install that is not there yet',
      (cluster) => cluster.remove({ apiVersion: 'lattice.dev/v1alpha1', kind: 'ESOInstall', name: 'default' }),
      'ESOInstall/default is in phase absent',
    ],
  ])('names %s', async (_, spoil, words) => {
    const cluster = readyCluster();
    spoil(cluster);
    const { error } = await benchOf(cluster).run();
    expect(error).toMatchObject({ code: 'STEP_FAILED' });
    expect(error?.message).toContain(words);
  });

  it.each(BROUGHT.map(({ apiVersion, kind }) => [kind, apiVersion] as const))(
    'names %s while its installation says Ready and does not serve it yet',
    async (kind, apiVersion) => {
      const { error } = await benchOf(readyCluster([kind])).run();
      expect(error).toMatchObject({ code: 'STEP_FAILED' });
      expect(error?.message).toContain(`${kind} (${apiVersion}), which`);
      expect(error?.message).toContain('is not served');
    },
  );

  it('names all that is open at once', async () => {
    const cluster = readyCluster();
    cluster.put(node('b', 'False'));
    cluster.put(install('CertManagerInstall', 'Installing'));
    const { error } = await benchOf(cluster).run();
    expect(error?.message).toContain('2 of 3 nodes are Ready; CertManagerInstall/default is in phase Installing');
  });

  it('waits for a webhook that does not answer, and takes a refusal for an answer', async () => {
    const cluster = readyCluster();
    cluster.inject({ verbs: ['create'], times: 1, fault: new DrError({ code: 'KUBE_REFUSED', message: 'denied by the webhook' }) });
    cluster.inject({ verbs: ['create'], times: 3, fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'failed calling webhook' }) });
    const { run, bench } = benchOf(cluster);
    expect((await run()).state).toBe('succeeded');
    expect(bench.events.some((event) => event.type === 'step-progress' && event.progress.message.includes('the admission webhook does not answer'))).toBe(true);
  });

  it('goes on when the last thing comes', async () => {
    const cluster = readyCluster();
    cluster.put(node('b', 'False'));
    const { run, bench } = benchOf(cluster);
    void bench.clock.sleep(30_000).then(() => cluster.put(node('b')));
    const result = await run();
    expect(result.state).toBe('succeeded');
    expect(result.elapsedMs).toBeGreaterThanOrEqual(30_000);
    expect(result.elapsedMs).toBeLessThan(33_000);
  });

  it('has nothing to wait for in a kind that the cluster does not serve', async () => {
    const { bench, input } = benchOf(readyCluster());
    const plan = await bench.plan('cluster/ready', input);
    expect(plan.map(({ subject }) => subject)).toContain('wait until TetragonInstall is Ready');
    expect((await bench.run('cluster/ready', input)).state).toBe('succeeded');
  });
});
