import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { opensRepository } from '../../src/backup/repository-key.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { layoutOf } from '../../src/lab/layout.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import { Secret } from '../../src/model/secret.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { backupKey } from '../../src/steps/backup/key.ts';
import { StepBench } from '../support/step-bench.ts';
import { createTestLab, type TestLab } from './lab-world.ts';
import { createWithVelero, object, untilPhase } from './velero-world.ts';

const SECRET = namespaced(TYPES.Secret, 'velero', 'velero-repo-credentials');
const ORIGINAL = 'of-the-lost-cluster';
const REPOSITORY = 'shop-lattice-main-kopia';
const WORKLOADS = [
  { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'velero', name: 'velero' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', namespace: 'velero', name: 'node-agent' },
] as const;

/** What Velero and Kopia themselves do with a password that is not the original, and once it is. */
describe('the password of backup repositories', { timeout: 240_000 }, () => {
  const stack = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(230_000);
  const write = { fieldManager: 'test', signal };
  let world: TestLab;
  let lab: LabConfig;

  beforeAll(async () => {
    world = stack.use(await createTestLab());
    lab = await labUp({ ...world.operation, only: ['s3'] });
  }, 120_000);

  afterAll(async () => {
    await stack.disposeAsync();
  });

  const password = async (kube: KubeCluster): Promise<string> => {
    const data = (await kube.get(SECRET, signal))?.['data'] as Readonly<Record<string, string>> | undefined;
    return Buffer.from(data?.['repository-password'] ?? '', 'base64').toString('utf8');
  };
  const makeRepository = async (kube: KubeCluster): Promise<void> => {
    const spec = { backupStorageLocation: 'lattice-main', volumeNamespace: 'shop', repositoryType: 'kopia', maintenanceFrequency: '1h0m0s' };
    await kube.create(object('velero.io/v1/BackupRepository', { name: REPOSITORY, namespace: 'velero' }, spec), write);
  };
  const podsOf = async (kube: KubeCluster): Promise<readonly string[]> =>
    ((await kube.list(TYPES.Pod, { namespace: 'velero', signal })) ?? []).map(({ metadata }) => metadata.uid ?? '').toSorted();

  it('is made up by a Velero that is faster, opens nothing then, and works once the original is there and Velero has restarted', async () => {
    const old = await createWithVelero({ ...world.operation, signal }, lab, { name: 'old', accessMode: 'ReadWrite' });
    await old.kube.mergePatch(SECRET, { stringData: { 'repository-password': ORIGINAL } }, write);
    await makeRepository(old.kube);
    await untilPhase({ kube: old.kube, signal }, 'BackupRepository', { name: REPOSITORY, phase: 'Ready' });
    await old.kube[Symbol.asyncDispose]();
    await destroyCluster({ ...world.operation, cluster: 'old' });
    const format = await readFile(join(layoutOf(lab.directory).s3, 'data', lab.s3.bucket, 'lattice-main', 'kopia', 'shop', 'kopia.repository'));
    expect(await opensRepository(format, new Secret(ORIGINAL))).toBe(true);
    expect(await opensRepository(format, new Secret('static-passw0rd'))).toBe(false);

    const { kube, cluster } = await createWithVelero({ ...world.operation, signal }, lab, { name: 'fresh', accessMode: 'ReadOnly' });
    stack.use(kube);
    expect(await password(kube)).toBe('static-passw0rd');
    await makeRepository(kube);
    const shut = await untilPhase({ kube, signal }, 'BackupRepository', { name: REPOSITORY, phase: 'NotReady' });
    expect(String(shut.status?.['message'])).toContain('invalid repository password');

    await using bench = await StepBench.open();
    const secrets = await bench.ageFile('velero', [
      { ...TYPES.Secret, metadata: { namespace: 'velero', name: SECRET.name }, stringData: { 'repository-password': ORIGINAL } },
    ]);
    const pods = await podsOf(kube);
    const target = { kubeconfig: cluster.kubeconfigs.admin };
    const specs = { git: { repository: 'none', ref: 'main' } };
    const existing = { name: 'fresh', provisioner: 'existing', existing: { kubeconfig: { file: target.kubeconfig } } };
    const input = { target, cluster: existing, secrets, specs, commit: '0'.repeat(40) };
    const mended = await bench.run(backupKey, 'fresh', input);

    expect(mended.effects).toEqual(['replace-password']);
    expect(await password(kube)).toBe(ORIGINAL);
    expect((await podsOf(kube)).filter((uid) => pods.includes(uid))).toEqual([]);
    for (const ref of WORKLOADS) expect((await kube.get(ref, signal))?.status, ref.kind).toMatchObject({ observedGeneration: 2 });
    await untilPhase({ kube, signal }, 'BackupRepository', { name: REPOSITORY, phase: 'Ready' });
    expect((await bench.run(backupKey, 'fresh', input)).effects).toEqual([]);
  });
});
