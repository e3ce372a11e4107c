import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, lattice, objectOf, operator, PLAN_CLUSTER, platformCluster } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const INPUT = { cluster: PLAN_CLUSTER };
const OLD = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'workload' };
const OPERATOR = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'lattice-system', name: 'lattice-operator' };
const KUBECONFIG = { apiVersion: 'v1', kind: 'Secret', namespace: 'istio-system', name: 'istiod-direct-kubeconfig-workload' };

interface World extends CrashCase {
  readonly parent: FakeKubeCluster;
}

/** The parent as the platform runs it: a dead child's deletion goes on only once the import is marked complete, and takes the kubeconfig with it. */
function world(faults: { hangs?: boolean; slow?: boolean; lingers?: boolean } = {}): World {
  const parent = platformCluster('https://parent.invalid:6443');
  parent.put(operator());
  parent.put(lattice('LatticeCluster', 'workload', { metadata: { finalizers: ['lattice.dev/cluster'] }, spec: {}, status: { phase: 'Ready' } }));
  parent.put(core('Secret', 'istio-system/istiod-direct-kubeconfig-workload', { data: {} }));
  parent.react(OLD, (object) => {
    const leaves = object.metadata.deletionTimestamp !== undefined && object.status?.['unpivotImportComplete'] === true;
    if (!leaves || faults.hangs === true) return;
    parent.remove(OLD);
    if (faults.lingers !== true) parent.remove(KUBECONFIG);
  });
  parent.react(OPERATOR, (object) => {
    const { generation = 1 } = object.metadata;
    if (faults.slow === true || object.status?.['observedGeneration'] === generation) return;
    parent.put({ ...object, status: { observedGeneration: generation, replicas: 1, updatedReplicas: 1, availableReplicas: 1 } });
  });
  const bench = new StepBench({ clusters: { 'parent.yaml': parent } });
  return { bench, parent, run: async () => bench.run('cluster/retire', INPUT), resume: async () => bench.resume() };
}

function writes(parent: FakeKubeCluster): readonly string[] {
  return parent.requests.filter(({ verb }) => ['create', 'apply', 'patch', 'delete'].includes(verb)).map(({ verb, ref }) => `${verb} ${ref.kind}`);
}

function restartedBy(parent: FakeKubeCluster): string | undefined {
  const template = parent.peek(OPERATOR)?.spec?.['template'] as { metadata: { annotations?: Record<string, string> } };
  return template.metadata.annotations?.['dr.lattice.dev/restarted-for'];
}

describe('cluster/retire', () => {
  it('marks, deletes, waits for the kubeconfig, restarts the operator', async () => {
    const { parent, run } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(writes(parent)).toEqual(['patch LatticeCluster', 'delete LatticeCluster', 'patch Deployment']);
    expect(parent.peek(OLD)).toBeUndefined();
    expect(restartedBy(parent)).toBe(result.run);
    expect(parent.watches).toBe(0);
  });

  it('shows mark, delete and restart before it does them', async () => {
    const { bench, parent } = world();
    const changes = await bench.plan('cluster/retire', INPUT);
    expect(changes.map(({ verb, subject }) => `${verb} ${subject}`)).toEqual([
      'configure LatticeCluster workload on the parent',
      'delete LatticeCluster workload on the parent',
      'configure Deployment lattice-system/lattice-operator on the parent',
    ]);
    expect(writes(parent)).toEqual([]);
  });

  it.each(['v1beta1', 'v1beta2'])('refuses while the parent holds a CAPI Cluster (%s), with nothing changed', async (version) => {
    const { parent, run, bench } = world();
    parent.serve({
      apiVersion: `cluster.x-k8s.io/${version}`,
      kind: 'Cluster',
      plural: 'clusters',
      namespaced: true,
      hasStatus: true,
      verbs: [],
      counted: true,
    });
    parent.put(objectOf(`cluster.x-k8s.io/${version}`, 'Cluster', { place: 'capi-workload/workload' }));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'PARENT_HOLDS_CAPI', kind: 'precondition' });
    expect(error?.message).toContain("namespace 'capi-workload'");
    expect(writes(parent)).toEqual([]);
    await expect(bench.plan('cluster/retire', INPUT)).rejects.toMatchObject({ code: 'PARENT_HOLDS_CAPI' });
  });

  it('leaves alone the cluster that this run has made', async () => {
    const { parent, run, resume } = world();
    const first = await run();
    parent.put(lattice('LatticeCluster', 'workload', { metadata: { annotations: { 'dr.lattice.dev/run': first.run } } }));
    const before = writes(parent).length;
    expect((await resume()).state).toBe('succeeded');
    expect(writes(parent).length).toBe(before);
    expect(parent.peek(OLD)).toBeDefined();
  });

  it('restarts the operator although the LatticeCluster is gone already', async () => {
    const { parent, run } = world();
    parent.remove(OLD);
    parent.remove(KUBECONFIG);
    const result = await run();
    expect(result.state).toBe('succeeded');
    expect(writes(parent)).toEqual(['patch Deployment']);
    expect(restartedBy(parent)).toBe(result.run);
  });

  it.each([
    ['before the import is marked complete', { verb: 'patch', kind: 'LatticeCluster' }, []],
    ['between that and the deletion', { verb: 'delete', kind: 'LatticeCluster' }, ['patch LatticeCluster']],
  ] as const)('does not go on when CAPI objects of the cluster turn up on the parent %s', async (_, { verb }, done) => {
    const { parent, run } = world();
    const appear = () => void parent.put(objectOf('cluster.x-k8s.io/v1beta2', 'Cluster', { place: 'capi-workload/workload' }));
    // The check in `execute` has been passed; what comes after it is what the effect itself sees.
    if (verb === 'patch') {
      let reads = 0;
      parent.inject({ verbs: ['list'], match: ({ kind }) => kind === 'Cluster', fault: () => (++reads === 2 ? appear() : undefined) });
    } else parent.react(OLD, (object) => (object.status?.['unpivotImportComplete'] === true ? appear() : undefined));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'PARENT_HOLDS_CAPI', kind: 'precondition' });
    expect(writes(parent)).toEqual(done);
    expect(parent.peek(OLD)).toBeDefined();
  });

  it('marks only the object that it has looked at: one that has changed since is looked at again', async () => {
    const { parent, run, bench } = world();
    parent.inject({
      verbs: ['patch'],
      match: ({ kind }) => kind === 'LatticeCluster',
      times: 1,
      fault: () => void parent.put({ ...lattice('LatticeCluster', 'workload'), ...parent.peek(OLD), spec: { changed: true } }),
    });
    expect((await run()).error).toBeUndefined();
    expect(bench.events.flatMap((event) => (event.type === 'effect' && event.name === 'mark-unpivoted' ? [event.state] : []))).toEqual([
      'started',
      'failed',
      'started',
      'done',
    ]);
    const looks = parent.requests.filter(({ verb, ref }) => verb === 'list' && ref.kind === 'Cluster' && ref.apiVersion.endsWith('v1beta2'));
    expect(looks.length).toBeGreaterThan(2);
  });

  it('does not take an object for the old one that came in its place', async () => {
    const { parent, run, bench } = world();
    parent.inject({
      verbs: ['delete'],
      times: 1,
      fault: () => {
        parent.remove(OLD);
        parent.put(lattice('LatticeCluster', 'workload', { spec: { other: true } }));
      },
    });
    const { error } = await run();
    expect(error?.code).toBe('KUBE_CONFLICT');
    expect(parent.peek(OLD)?.spec).toEqual({ other: true });
    expect(bench.events.some((event) => event.type === 'effect' && event.name === 'delete-latticecluster' && event.state === 'failed')).toBe(true);
  });

  it('does not restart the operator before the kubeconfig of the old cluster is collected', async () => {
    const { parent, run, bench } = world({ lingers: true });
    const found: unknown[] = [];
    parent.inject({ verbs: ['patch'], match: ({ kind }) => kind === 'Deployment', fault: () => void found.push(parent.peek(KUBECONFIG)) });
    void bench.clock.sleep(20_000).then(() => parent.remove(KUBECONFIG));
    expect((await run()).state).toBe('succeeded');
    expect(found).toEqual([undefined]);
  });

  it('names phase and finalizers when the deletion hangs', async () => {
    const { error } = await world({ hangs: true }).run();
    expect(error).toMatchObject({ code: 'STEP_FAILED' });
    expect(error?.message).toContain('lattice.dev/cluster');
    expect(error?.message).toContain('not gone after 180 s');
  });

  it('does not believe in a restart before the operator is available, and restarts it once', async () => {
    const faults = { slow: true };
    const { parent, run, resume } = world(faults);
    expect((await run()).error?.message).toContain('not available 10 min after its restart');
    expect((await resume()).error?.message).toContain('not available 10 min after its restart');
    faults.slow = false;
    parent.put(parent.peek(OPERATOR) ?? operator());
    expect((await resume()).state).toBe('succeeded');
    expect(writes(parent).filter((write) => write === 'patch Deployment')).toHaveLength(1);
  });

  it('restarts only the operator that it has looked at: one that is written to meanwhile is looked at again', async () => {
    const { parent, run, bench } = world();
    parent.inject({
      verbs: ['patch'],
      match: ({ kind }) => kind === 'Deployment',
      times: 1,
      fault: () => void parent.put({ ...operator(), ...parent.peek(OPERATOR), metadata: { ...operator().metadata, labels: { rolled: 'out' } } }),
    });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(restartedBy(parent)).toBe(result.run);
    expect(bench.events.flatMap((event) => (event.type === 'effect' && event.name === 'restart-operator' ? [event.state] : []))).toEqual([
      'started',
      'failed',
      'started',
      'done',
    ]);
  });

  it('comes to the same end after a kill anywhere, and deletes once', async () => {
    const check = ({ parent }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(stepOf(result).state, where).toBe('succeeded');
      const done = writes(parent);
      expect(done.filter((write) => write === 'delete LatticeCluster').length, where).toBe(1);
      expect(done.filter((write) => write === 'patch Deployment').length, where).toBe(1);
      expect(parent.peek(OLD), where).toBeUndefined();
    };
    await crashEverywhere(world, check, ['cluster/retire delete-latticecluster', 'cluster/retire mark-unpivoted', 'cluster/retire restart-operator']);
  });
});
