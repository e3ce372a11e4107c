import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, encoded, lattice, objectOf, PLAN_CLUSTER, PLAN_SPECS, platformCluster, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const REF = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'workload' };
const SPEC = { providerRef: 'lab', nodes: { controlPlane: { replicas: 1 } } };
const SPECS_FILE = yaml(lattice('LatticeCluster', 'workload', { spec: { ...SPEC, latticeImage: 'registry.invalid/lattice:1' }, status: { phase: 'Ready' } }));
const DIRECT = core('Secret', 'istio-system/istiod-direct-kubeconfig-workload', encoded({ kubeconfig: 'child kubeconfig' }));
const CAPI = core('Secret', 'capi-workload/workload-kubeconfig', encoded({ value: 'child kubeconfig' }));

interface World extends CrashCase {
  readonly parent: FakeKubeCluster;
  readonly child: FakeKubeCluster;
}

interface Behaviour {
  /** Phase each new LatticeCluster comes to, in turn; the last stays. */
  readonly phases?: readonly string[];
  readonly kubeconfig?: typeof DIRECT;
  readonly pivoted?: boolean;
  readonly childDown?: boolean;
  readonly timeout?: string;
}

/** A parent whose platform answers each new LatticeCluster with the next phase, and gives the kubeconfig once the cluster is handed over. */
function world({ phases = ['Ready'], kubeconfig = DIRECT, pivoted = true, childDown = false, timeout = '95m' }: Behaviour = {}): World {
  const parent = platformCluster('https://parent.invalid:6443');
  const child = platformCluster();
  if (pivoted) child.put(objectOf('cluster.x-k8s.io/v1beta2', 'Cluster', { place: 'capi-workload/workload' }));
  if (childDown) child.inject({ fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'no answer' }) });
  const bench = new StepBench({ clusters: { 'parent.yaml': parent, 'child kubeconfig': child }, files: { 'cluster.yaml': SPECS_FILE } });
  const seen: string[] = [];
  parent.react(REF, (object) => {
    const { uid = '', deletionTimestamp } = object.metadata;
    if (deletionTimestamp !== undefined) return void bench.clock.sleep(5_000).then(() => parent.peek(REF)?.metadata.uid === uid && parent.remove(REF));
    if (seen.includes(uid)) return;
    seen.push(uid);
    const phase = phases[Math.min(seen.length, phases.length) - 1] ?? 'Ready';
    parent.put({ ...object, status: { phase, message: `the platform's words about ${phase}` } });
    if (phase !== 'Failed') parent.put(kubeconfig);
  });
  const input = { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, timeout };
  return { bench, parent, child, run: async () => bench.run('cluster/provision', input), resume: async () => bench.resume() };
}

function writes(parent: FakeKubeCluster): readonly string[] {
  return parent.requests.filter(({ verb }) => ['create', 'apply', 'patch', 'delete'].includes(verb)).map(({ verb }) => verb);
}

describe('cluster/provision by its parent', () => {
  it('creates the LatticeCluster of git, marked as this run made it, without status', async () => {
    const { run, parent } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    const made = parent.peek(REF);
    expect(made?.metadata.annotations).toEqual({ 'dr.lattice.dev/run': result.run });
    expect(made?.spec).toMatchObject(SPEC);
    expect(writes(parent)).toEqual(['create']);
  });

  it.each([
    ['the direct copy', DIRECT],
    ['the CAPI secret', CAPI],
  ])('hands on a kubeconfig from %s, kept in the file of the plan', async (_, kubeconfig) => {
    const { run, bench, child } = world({ kubeconfig });
    const { outputs } = stepOf(await run());
    expect(outputs).toMatchObject({ kubeconfig: 'new.yaml', server: child.server, version: 'v1.36.3' });
    expect(bench.secretFiles.files.get('new.yaml')).toBe('child kubeconfig');
    expect(await bench.everythingWritten()).not.toContain('child kubeconfig');
  });

  it("says Failed at once, in the platform's words", async () => {
    const { run, bench } = world({ phases: ['Failed'] });
    const { error, elapsedMs } = await run();
    expect(error).toMatchObject({ code: 'PROVISION_FAILED' });
    expect(error?.message).toContain("the platform's words about Failed");
    expect(elapsedMs).toBeLessThan(60_000);
    expect(bench.secretFiles.files.size).toBe(0);
  });

  it('a resume removes its own failed try, and only that, and makes the cluster again', async () => {
    const { run, resume, parent } = world({ phases: ['Failed', 'Ready'] });
    await run();
    const failed = parent.peek(REF)?.metadata.uid;
    expect((await resume()).state).toBe('succeeded');
    expect(writes(parent)).toEqual(['create', 'delete', 'create']);
    expect(parent.peek(REF)?.metadata.uid).not.toBe(failed);
  });

  it('makes the cluster again when its failed try is already on the way out under another phase', async () => {
    const { run, resume, parent } = world({ phases: ['Failed', 'Ready'] });
    await run();
    const failed = parent.peek(REF);
    if (failed === undefined) throw new Error('the failed try is gone');
    parent.put({ ...failed, metadata: { ...failed.metadata, deletionTimestamp: '2026-03-01T03:10:00Z' }, status: { phase: 'Deleting' } });
    expect((await resume()).state).toBe('succeeded');
    expect(parent.peek(REF)?.metadata.uid).not.toBe(failed.metadata.uid);
  });

  it('refuses a LatticeCluster of another origin and leaves it as it is', async () => {
    const { run, parent } = world();
    parent.put(lattice('LatticeCluster', 'workload', { spec: { of: 'somebody' }, status: { phase: 'Failed' } }));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'STEP_FAILED' });
    expect(error?.message).toContain('this run did not make');
    expect(writes(parent)).toEqual([]);
    expect(parent.peek(REF)?.spec).toEqual({ of: 'somebody' });
  });

  it('does not believe the phase while the child has no CAPI Cluster of its own', async () => {
    const { error } = await world({ pivoted: false, timeout: '10m' }).run();
    expect(error?.code).toBe('NODE_UP_NO_AGENT');
  });

  it('tells a machine without an agent from one that never came', async () => {
    const silent = await world({ phases: ['Provisioning'], timeout: '10m' }).run();
    expect(silent.error).toMatchObject({ code: 'NODE_UP_NO_AGENT' });
    expect(silent.error?.message).toContain("phase 'Provisioning'");
    const dead = await world({ phases: ['Provisioning'], childDown: true, timeout: '10m' }).run();
    expect(dead.error).toMatchObject({ code: 'PROVISION_FAILED' });
    expect(dead.error?.message).toContain('does not answer');
  });

  it('waits for a child that does not answer yet', async () => {
    const { run, child } = world();
    child.inject({ verbs: ['version'], times: 5, fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'still starting' }) });
    expect((await run()).state).toBe('succeeded');
  });

  it('needs the cluster in git', async () => {
    const { bench, parent } = world();
    const input = { cluster: { ...PLAN_CLUSTER, name: 'elsewhere' }, specs: PLAN_SPECS, commit: bench.commit };
    const { error } = await bench.run('cluster/provision', input);
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    expect(error?.message).toContain("no LatticeCluster 'elsewhere'");
    expect(writes(parent)).toEqual([]);
  });

  it('shows the spec it would create', async () => {
    const { bench, parent } = world();
    const [change] = await bench.plan('cluster/provision', { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit });
    expect(change).toMatchObject({ verb: 'create', subject: 'LatticeCluster workload on the parent' });
    expect(change?.diffs).toEqual([{ path: 'spec', to: expect.objectContaining({ providerRef: 'lab' }) }]);
    expect(parent.requests).toEqual([]);
  });

  it('removes its own failed try once, wherever it is killed', async () => {
    // A bench is the same each time, and so is the id of its first run.
    const { run: id } = await world().run();
    const make = (): World => {
      const made = world({ phases: ['Failed', 'Ready'] });
      made.parent.put(lattice('LatticeCluster', 'workload', { metadata: { annotations: { 'dr.lattice.dev/run': id } } }));
      return made;
    };
    const check = ({ parent }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(writes(parent), where).toEqual(['delete', 'create']);
    };
    await crashEverywhere(make, check, ['cluster/provision create-latticecluster', 'cluster/provision delete-own-failed-try']);
  });

  it('makes one cluster, wherever it is killed', async () => {
    const check = ({ parent }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(writes(parent), where).toEqual(['create']);
    };
    await crashEverywhere(world, check, ['cluster/provision create-latticecluster']);
  });

  it('makes another one when its own first try has failed and was removed', async () => {
    const { bench, parent, run, resume } = world({ phases: ['Failed', 'Ready'] });
    expect((await run()).error).toMatchObject({ code: 'PROVISION_FAILED' });
    const failed = parent.peek(REF)?.metadata.uid;
    expect((await resume()).error).toBeUndefined();
    expect(writes(parent)).toEqual(['create', 'delete', 'create']);
    const keys = (await bench.journal()).flatMap((entry) => (entry.type === 'effect-intent' && entry.name === 'create-latticecluster' ? [entry.key] : []));
    expect(keys).toEqual(['workload', 'workload']);
    expect(parent.peek(REF)?.metadata.uid).not.toBe(failed);
  });

  it('does not take an object of another origin, that turns up between look and create, for its own', async () => {
    const { parent, run } = world();
    parent.inject({ verbs: ['create'], times: 1, fault: () => void parent.put(lattice('LatticeCluster', 'workload', { spec: { foreign: true } })) });
    expect((await run()).error).toMatchObject({ code: 'KUBE_CONFLICT' });
    expect(parent.peek(REF)?.spec).toEqual({ foreign: true });
  });
});
