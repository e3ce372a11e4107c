import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { encryptForTest } from '../../fakes/memory-secret-files.ts';
import { core, encoded, objectOf, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';

const SECRET = { apiVersion: 'v1', kind: 'Secret', namespace: 'velero', name: 'velero-repo-credentials' };
const MADE_UP = 'static-passw0rd';
const ORIGINAL = 'canary-original-81b2';
const passwordSecret = (password: string): KubeObject =>
  core('Secret', 'velero/velero-repo-credentials', encoded({ 'repository-password': password, other: 'x' }));
const workload = (kind: string, name: string, status: KubeObject['status']): KubeObject =>
  objectOf('apps/v1', kind, { place: `velero/${name}`, rest: { spec: { replicas: 1, template: { metadata: {} } }, status: status ?? {} } });

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
  password(): string | undefined;
  restarts(): readonly string[];
}

interface Given {
  readonly there?: string;
  readonly source?: string;
}

function world({ there = MADE_UP, source = ORIGINAL }: Given = {}): World {
  const cluster = platformCluster();
  if (there !== '') cluster.put(passwordSecret(there));
  cluster.put(workload('Deployment', 'velero', { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }));
  cluster.put(
    workload('DaemonSet', 'node-agent', { observedGeneration: 1, desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1, numberReady: 1 }),
  );
  // The kubelet: every new template is rolled out at once.
  cluster.react({ apiVersion: 'apps/v1', kind: 'Deployment' }, (object) => {
    if (object.status?.['observedGeneration'] === object.metadata.generation) return;
    cluster.put({ ...object, status: { ...object.status, observedGeneration: object.metadata.generation ?? 1 } });
  });
  cluster.react({ apiVersion: 'apps/v1', kind: 'DaemonSet' }, (object) => {
    if (object.status?.['observedGeneration'] !== object.metadata.generation)
      cluster.put({ ...object, status: { ...object.status, observedGeneration: object.metadata.generation ?? 1 } });
  });
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'README.yaml': '' } });
  bench.secretFiles.files.set('dr.txt', 'identity');
  const originals = source === '' ? [core('Secret', 'shop/other', encoded({ a: 'b' }))] : [passwordSecret(source)];
  bench.secretFiles.files.set('originals.age', new TextDecoder().decode(encryptForTest(yaml(...originals), 'identity')));
  const input = {
    target: TARGET,
    cluster: PLAN_CLUSTER,
    specs: PLAN_SPECS,
    commit: bench.commit,
    secrets: [{ groups: ['velero'], from: { age: 'originals.age', identity: { file: 'dr.txt' } } }],
  };
  const writes = () => cluster.requests.filter(({ verb, ref }) => verb === 'patch' && ref.apiVersion === 'apps/v1').map(({ ref }) => `${ref.kind} ${ref.name}`);
  const password = () => {
    const data = cluster.peek(SECRET)?.['data'] as Readonly<Record<string, string>> | undefined;
    return data?.['repository-password'] === undefined ? undefined : Buffer.from(data['repository-password'], 'base64').toString();
  };
  return { bench, cluster, password, restarts: writes, run: async () => bench.run('backup/key', input), resume: async () => bench.resume() };
}

const found = (result: RunResult): boolean | undefined => stepOf(result).found;

describe('backup/key', () => {
  it('puts the original in the place of what Velero made up, with a precondition, and restarts what started with that', async () => {
    const { run, cluster, password, restarts, bench } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(password()).toBe(ORIGINAL);
    expect(cluster.peek(SECRET)?.['data']).toMatchObject({ other: 'eA==' });
    expect(restarts()).toEqual(['Deployment velero', 'DaemonSet node-agent']);
    expect(await bench.effects()).toEqual(['backup/key replace-password']);
    expect(await bench.everythingWritten()).not.toContain(ORIGINAL);
    expect(await bench.everythingWritten()).not.toContain(Buffer.from(ORIGINAL).toString('base64'));
  });

  it('has nothing to do where the original is there, or no source has one', async () => {
    const right = world({ there: ORIGINAL });
    expect(found(await right.run())).toBe(true);
    expect(right.restarts()).toEqual([]);
    const none = world({ source: '' });
    expect(found(await none.run())).toBe(true);
    expect(none.password()).toBe(MADE_UP);
  });

  it('brings the Secret where Velero has not started yet', async () => {
    const { run, password, restarts } = world({ there: '' });
    expect((await run()).error).toBeUndefined();
    expect(password()).toBe(ORIGINAL);
    expect(restarts()).toEqual([]);
  });

  it('leaves a password alone that somebody meant', async () => {
    const { run, password, restarts } = world({ there: 'of somebody' });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'REPOSITORY_KEY_FOREIGN', kind: 'precondition' });
    expect(password()).toBe('of somebody');
    expect(restarts()).toEqual([]);
  });

  it('does not write over a Secret that changes under it', async () => {
    const { run, cluster, password } = world();
    cluster.inject({ verbs: ['patch'], match: ({ kind }) => kind === 'Secret', times: 1, fault: () => void cluster.put(passwordSecret('of somebody')) });
    const { error } = await run();
    expect(error?.code).toMatch(/KUBE_CONFLICT|REPOSITORY_KEY_FOREIGN/);
    expect(password()).toBe('of somebody');
  });

  it('replaces it once and restarts each once, wherever it is killed', async () => {
    const check = ({ password, restarts, cluster }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(password(), where).toBe(ORIGINAL);
      expect(new Set(restarts()), where).toEqual(new Set(['Deployment velero', 'DaemonSet node-agent']));
      expect(cluster.requests.filter(({ verb, ref }) => verb === 'patch' && ref.kind === 'Secret').length, where).toBe(1);
    };
    await crashEverywhere(world, check, ['backup/key replace-password']);
  });
});

describe('secrets/restore', () => {
  it('brings the repository password where it is not, and leaves one that is there to backup/key', async () => {
    for (const [there, left] of [
      ['', ORIGINAL],
      [MADE_UP, MADE_UP],
    ] as const) {
      const { bench, password } = world({ there });
      const secrets = [{ groups: ['velero'], from: { age: 'originals.age', identity: { file: 'dr.txt' } } }];
      const result = await bench.run('secrets/restore', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, secrets });
      expect(result.error).toBeUndefined();
      expect(password()).toBe(left);
    }
  });
});
