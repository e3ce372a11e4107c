import { describe, expect, it } from 'vitest';
import type { Prompter } from '../../../src/engine/prompter.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { ClusterRef } from '../../../src/ports/kube-cluster.ts';
import { targetRef, targetSchema } from '../../../src/steps/schemas.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import { PLAN_SPECS, platformCluster } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

function existing(file = 'ours.yaml', context?: string) {
  const kubeconfig = { file, ...(context === undefined ? {} : { context }) };
  return { cluster: { name: 'workload', provisioner: 'existing', existing: { kubeconfig } }, specs: PLAN_SPECS, commit: 'none' };
}

const KUBE_SYSTEM_OBJECT = { apiVersion: 'v1', kind: 'Namespace' };
const KUBE_SYSTEM = { ...KUBE_SYSTEM_OBJECT, name: 'kube-system' };
const COMMAND = {
  cluster: { name: 'workload', provisioner: 'command', command: ['make-cluster', '--name', 'workload'], kubeconfigOut: 'new.yaml' },
  specs: PLAN_SPECS,
  commit: 'none',
};

function commandBench(program: FakeProgram) {
  const cluster = platformCluster();
  const clusters: Record<string, FakeKubeCluster> = { 'printed.yaml': cluster, 'new.yaml': cluster };
  const made = { is: false };
  const make: FakeProgram = async (command) => {
    made.is = true;
    return typeof program === 'function' ? program(command) : String(program);
  };
  const bench = new StepBench({ programs: { 'make-cluster': typeof program === 'object' ? program : make } });
  bench.secretFiles.files.set('printed.yaml', 'a kubeconfig');
  // As a real one, the file cannot be opened before it is there.
  const open = async (ref: ClusterRef) => {
    const path = 'kubeconfigPath' in ref ? ref.kubeconfigPath : '';
    const found = bench.secretFiles.files.has(path) ? clusters[path] : undefined;
    if (found !== undefined) return found;
    throw new DrError({ code: 'KUBECONFIG_INVALID', message: `cannot read ${JSON.stringify(ref)}` });
  };
  Object.assign(bench.ports.clusters, { open });
  return { bench, cluster, clusters };
}

describe('cluster/provision into an existing cluster', () => {
  it('proves that it answers and hands its kubeconfig on', async () => {
    const cluster = platformCluster();
    const { outputs, state } = stepOf(await new StepBench({ clusters: { 'ours.yaml': cluster } }).run('cluster/provision', existing()));
    expect(state).toBe('succeeded');
    expect(outputs).toMatchObject({ kubeconfig: 'ours.yaml', server: cluster.server });
    expect(outputs).not.toHaveProperty('context');
    expect(cluster.requests.every(({ verb }) => verb === 'get')).toBe(true);
  });

  it('hands the context on, so that later steps do not open another cluster of the same file', async () => {
    const bench = new StepBench({ clusters: { 'ours.yaml': platformCluster() } });
    const { outputs } = stepOf(await bench.run('cluster/provision', existing('ours.yaml', 'spare')));
    expect(targetRef(targetSchema.parse(outputs))).toEqual({ kubeconfigPath: 'ours.yaml', context: 'spare' });
    expect((await bench.plan('cluster/provision', existing('ours.yaml', 'spare')))[0]?.subject).toContain('context spare');
  });

  it('does not go on while it does not answer', async () => {
    const cluster = platformCluster();
    cluster.inject({ fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'ECONNREFUSED' }) });
    const { error } = await new StepBench({ clusters: { 'ours.yaml': cluster } }).run('cluster/provision', existing());
    expect(error?.code).toBe('KUBE_UNAVAILABLE');
  });

  it('takes only a file, because later steps open it by its path', async () => {
    const input = { ...existing(), cluster: { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { env: 'OURS' } } } };
    const { error } = await new StepBench({ clusters: { OURS: platformCluster() } }).run('cluster/provision', input);
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
  });
});

describe('cluster/provision by a command', () => {
  it('runs it once and keeps the kubeconfig that its last line names', async () => {
    const { bench, cluster } = commandBench('making it\nprinted.yaml\n');
    const result = await bench.run('cluster/provision', COMMAND);
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs).toMatchObject({ kubeconfig: 'new.yaml', server: cluster.server });
    expect(bench.secretFiles.files.get('new.yaml')).toBe(`# dr.lattice.dev/run: ${result.run}\na kubeconfig`);
    expect(cluster.peek(KUBE_SYSTEM)?.metadata.annotations).toEqual({ 'dr.lattice.dev/run': result.run });
    expect(bench.processes.calls).toEqual(['make-cluster --name workload']);
  });

  it.each([
    ['the old cluster, which no run has made', undefined],
    ['the cluster of an earlier run', 'workload-20260101T000000Z-0000'],
  ])('does not take %s for the one it has to make, though it answers', async (_, madeBy) => {
    const { bench, clusters } = commandBench('printed.yaml');
    const old = platformCluster('https://old.invalid:6443');
    if (madeBy !== undefined) old.put({ ...KUBE_SYSTEM_OBJECT, metadata: { name: 'kube-system', annotations: { 'dr.lattice.dev/run': madeBy } } });
    clusters['new.yaml'] = old;
    bench.secretFiles.files.set('new.yaml', 'of the old cluster');
    const result = await bench.run('cluster/provision', COMMAND);
    expect(result).toMatchObject({ state: 'waiting', error: { code: 'STEP_UNKNOWN' } });
    expect(JSON.stringify(result.error?.details)).toContain('https://old.invalid:6443 was not made by this run');
    expect(bench.processes.calls).toEqual([]);
    expect(old.requests.every(({ verb }) => verb === 'get')).toBe(true);
  });

  it('does not take another cluster for the one that a command made before the run was killed', async () => {
    const { bench, clusters } = commandBench({ exitCode: 3, output: 'killed' });
    await bench.run('cluster/provision', COMMAND);
    clusters['new.yaml'] = platformCluster('https://old.invalid:6443');
    bench.secretFiles.files.set('new.yaml', 'of the old cluster');
    const absent = async () => ({ answer: 'absent' as const, by: 'ops' });
    const asked: string[] = [];
    const prompter = { ask: async () => ({ answer: 'unavailable' }) as const, askUnknown: async ({ what }: { what: string }) => (asked.push(what), absent()) };
    await bench.resume({ prompter });
    expect(asked).toEqual(["step 'step'", "effect 'make-cluster workload' of step 'step'"]);
  });

  it('asks a person about a cluster that it has made and that no longer answers, instead of making a second one', async () => {
    const { bench, clusters } = commandBench('printed.yaml');
    const rehearsal = commandBench('printed.yaml');
    await rehearsal.bench.run('cluster/provision', COMMAND);
    const done = (await rehearsal.bench.journal()).filter(({ type }) => type !== 'alive').findIndex(({ type }) => type === 'effect-done');
    bench.store.crashAt({ append: done + 1, side: 'after' });
    await bench.run('cluster/provision', COMMAND);
    const { 'new.yaml': made } = clusters;
    delete clusters['new.yaml'];
    const result = await bench.resume();
    expect(result).toMatchObject({ state: 'waiting', error: { code: 'STEP_UNKNOWN' } });
    expect(JSON.stringify(result.error?.details)).toContain('the command has made the cluster');
    if (made !== undefined) clusters['new.yaml'] = made;
    expect((await bench.resume()).state).toBe('succeeded');
    expect(bench.processes.calls).toHaveLength(1);
  });

  it('refuses a cluster that the command made for another run', async () => {
    const { bench, cluster } = commandBench('printed.yaml');
    cluster.put({ ...KUBE_SYSTEM_OBJECT, metadata: { name: 'kube-system', annotations: { 'dr.lattice.dev/run': 'an earlier one' } } });
    const { error } = await bench.run('cluster/provision', COMMAND);
    expect(error).toMatchObject({ code: 'PROVISION_FAILED' });
    expect(error?.message).toContain("run 'an earlier one' had made before");
    expect(bench.secretFiles.files.has('new.yaml')).toBe(false);
  });

  it('waits for an API server that comes up after the command has ended', async () => {
    const { bench, cluster } = commandBench('printed.yaml');
    cluster.inject({ times: 3, fault: new DrError({ code: 'KUBE_UNAVAILABLE', message: 'ECONNREFUSED' }) });
    expect((await bench.run('cluster/provision', COMMAND)).state).toBe('succeeded');
    expect(bench.processes.calls).toHaveLength(1);
  });

  it('fails on one that prints no path', async () => {
    const { error } = await commandBench('\n').bench.run('cluster/provision', COMMAND);
    expect(error).toMatchObject({ code: 'PROVISION_FAILED' });
  });

  it('asks a person before it runs one again that failed or was killed: machines may be there', async () => {
    const { bench } = commandBench({ exitCode: 3, output: 'quota' });
    expect((await bench.run('cluster/provision', COMMAND)).error).toMatchObject({ code: 'PROCESS_FAILED' });
    const waiting = await bench.resume();
    expect(waiting).toMatchObject({ state: 'waiting', error: { code: 'STEP_UNKNOWN' } });
    expect(bench.processes.calls).toHaveLength(1);
    const absent = async () => ({ answer: 'absent' as const, by: 'ops' });
    await bench.resume({ prompter: { ask: async () => ({ answer: 'unavailable' }), askUnknown: absent } });
    expect(bench.processes.calls).toHaveLength(2);
  });

  it('finds the cluster of a run that was killed after the command', async () => {
    const { bench } = commandBench('printed.yaml');
    const rehearsal = commandBench('printed.yaml');
    await rehearsal.bench.run('cluster/provision', COMMAND);
    const done = (await rehearsal.bench.journal()).filter(({ type }) => type !== 'alive').findIndex(({ type }) => type === 'effect-done');
    bench.store.crashAt({ append: done + 1, side: 'before' });
    await bench.run('cluster/provision', COMMAND);
    expect((await bench.resume()).state).toBe('succeeded');
    expect(bench.processes.calls).toHaveLength(1);
  });

  it('runs it once wherever it is killed, when a person says that there is nothing yet', async () => {
    const prompter: Prompter = { ask: async () => ({ answer: 'unavailable' }), askUnknown: async () => ({ answer: 'absent', by: 'ops' }) };
    const make = (): CrashCase => {
      const { bench } = commandBench('printed.yaml');
      return { bench, run: async () => bench.run('cluster/provision', COMMAND), resume: async () => bench.resume({ prompter }) };
    };
    const check = ({ bench }: CrashCase, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(bench.processes.calls.length, where).toBe(1);
    };
    await crashEverywhere(make, check, ['cluster/provision make-cluster']);
  });

  it('shows the command and where its kubeconfig goes', async () => {
    expect(await commandBench('').bench.plan('cluster/provision', COMMAND)).toEqual([
      { verb: 'run', subject: 'make-cluster --name workload', note: 'its kubeconfig is kept in new.yaml' },
    ]);
  });
});
