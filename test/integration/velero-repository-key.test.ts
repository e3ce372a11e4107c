import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { opensRepository } from '../../src/backup/repository-key.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { layoutOf } from '../../src/lab/layout.ts';
import { directoryOfVolume } from '../../src/lab/node/containers/pod-volumes.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { Secret } from '../../src/model/secret.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { backupKey } from '../../src/steps/backup/key.ts';
import { StepBench } from '../support/step-bench.ts';
import { createTestLab, type TestLab } from './lab-world.ts';
import { createWithVelero, introduceBackup, object, untilPhase, untilSeen } from './velero-world.ts';

const SECRET = namespaced(TYPES.Secret, 'velero', 'velero-repo-credentials');
const ORIGINAL = 'of-the-lost-cluster';
const WORKLOADS = [
  { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'velero', name: 'velero' },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', namespace: 'velero', name: 'node-agent' },
] as const;

/** What Velero and Kopia themselves do with a password that is not the original, and once it is. */
describe('the password of file-system backups', { timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(290_000);
  const write = { fieldManager: 'test', force: true, signal };
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
  /** A pod with one volume that Velero copies file by file. */
  const applyDatabase = async (kube: KubeCluster): Promise<void> => {
    await kube.apply({ ...TYPES.Namespace, metadata: { name: 'shop' } }, write);
    const claim = { storageClassName: 'lab-local', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } };
    await kube.apply(object('v1/PersistentVolumeClaim', { name: 'data', namespace: 'shop' }, claim), write);
    const mount = { name: 'data', mountPath: '/data' };
    const container = { name: 'main', image: 'registry.lab.test/db:1', env: [{ name: 'LAB_ROLE', value: 'database' }], volumeMounts: [mount] };
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    const metadata = { name: 'db', namespace: 'shop', annotations: { 'backup.velero.io/backup-volumes': 'data' } };
    await kube.apply(object('v1/Pod', metadata, { terminationGracePeriodSeconds: 0, containers: [container], volumes }), write);
    await untilSeen({ kube, signal }, TYPES.Pod, ({ metadata: { name }, status }) => name === 'db' && status?.['phase'] === 'Running');
  };
  const directory = async (kube: KubeCluster): Promise<string> => {
    const bound = await kube.get(namespaced(TYPES.PersistentVolumeClaim, 'shop', 'data'), signal);
    return directoryOfVolume(await kube.get({ ...TYPES.PersistentVolume, name: String(bound?.spec?.['volumeName']) }, signal)) ?? '';
  };
  const restore = async (kube: KubeCluster, name: string): Promise<KubeObject> => {
    const spec = { backupName: 'one', includedResources: ['pods', 'persistentvolumeclaims', 'persistentvolumes'], restorePVs: true };
    await kube.create(object('velero.io/v1/Restore', { name, namespace: 'velero' }, spec), write);
    const isOver = ({ metadata, status }: KubeObject) => metadata.name === name && /^(Completed|PartiallyFailed|Failed)/.test(String(status?.['phase']));
    return await untilSeen({ kube, signal }, { apiVersion: 'velero.io/v1', kind: 'Restore' }, isOver);
  };
  const podsOf = async (kube: KubeCluster): Promise<readonly string[]> =>
    ((await kube.list(TYPES.Pod, { namespace: 'velero', signal })) ?? []).map(({ metadata }) => metadata.uid ?? '');
  const gone = async (kube: KubeCluster, ref: Parameters<KubeCluster['get']>[0]): Promise<void> => {
    await kube.delete(ref, { signal, gracePeriodSeconds: 0 });
    while ((await kube.get(ref, signal)) !== undefined) await new Promise((resolve) => setTimeout(resolve, 200));
  };

  it('is made up by a Velero that is faster: its repository is Ready and its restore brings no data; once the original is there, it does', async () => {
    const old = await createWithVelero({ ...world.operation, signal }, lab, { name: 'old', accessMode: 'ReadWrite' });
    await old.kube.mergePatch(SECRET, { stringData: { 'repository-password': ORIGINAL } }, write);
    await applyDatabase(old.kube);
    const bytes = randomBytes(200_000);
    await writeFile(join(await directory(old.kube), 'table'), bytes);
    const spec = { storageLocation: 'lattice-main', includedNamespaces: ['shop'] };
    await old.kube.create(object('velero.io/v1/Backup', { name: 'one', namespace: 'velero' }, spec), write);
    const backup = await untilPhase({ kube: old.kube, signal }, 'Backup', { name: 'one', phase: 'Completed' });
    const format = await readFile(join(layoutOf(lab.directory).s3, 'data', lab.s3.bucket, 'lattice-main', 'kopia', 'shop', 'kopia.repository'));
    expect(await opensRepository(format, new Secret(`${ORIGINAL}\n`))).toBe(true);
    expect(await opensRepository(format, new Secret('static-passw0rd'))).toBe(false);

    const { kube, cluster } = await createWithVelero({ ...world.operation, signal }, lab, { name: 'fresh', accessMode: 'ReadOnly' });
    stack.use(kube);
    await introduceBackup(backup, { kube: old.kube, signal }, { kube, signal });
    await old.kube[Symbol.asyncDispose]();
    await destroyCluster({ ...world.operation, cluster: 'old' });
    expect(await password(kube)).toBe('static-passw0rd');
    expect((await restore(kube, 'naive')).status).toMatchObject({ phase: 'PartiallyFailed' });
    const [failed] = (await kube.list({ apiVersion: 'velero.io/v1', kind: 'PodVolumeRestore' }, { signal })) ?? [];
    expect(failed?.status).toMatchObject({ phase: 'Failed', message: expect.stringContaining('invalid repository password') });
    const repositories = (await kube.list({ apiVersion: 'velero.io/v1', kind: 'BackupRepository' }, { signal })) ?? [];
    expect(repositories.map(({ status }) => status?.['phase'])).toEqual(['Ready']);
    for (const [kind, name] of [
      ['Pod', 'db'],
      ['PersistentVolumeClaim', 'data'],
    ] as const)
      await gone(kube, { apiVersion: 'v1', kind, namespace: 'shop', name });

    await using bench = await StepBench.open();
    const original = { ...TYPES.Secret, metadata: { namespace: 'velero', name: SECRET.name }, stringData: { 'repository-password': ORIGINAL } };
    const secrets = await bench.ageFile('velero', [original]);
    const target = { kubeconfig: cluster.kubeconfigs.admin };
    const existing = { name: 'fresh', provisioner: 'existing', existing: { kubeconfig: { file: target.kubeconfig } } };
    const input = { target, cluster: existing, secrets, specs: { git: { repository: 'none', ref: 'main' } }, commit: '0'.repeat(40) };
    const pods = await podsOf(kube);
    const mended = await bench.run(backupKey, 'fresh', input);
    expect(mended.effects).toEqual(['replace-password']);
    expect(await password(kube)).toBe(ORIGINAL);
    expect((await podsOf(kube)).filter((uid) => pods.includes(uid))).toEqual([]);
    for (const ref of WORKLOADS) expect((await kube.get(ref, signal))?.status, ref.kind).toMatchObject({ observedGeneration: 2 });
    expect((await bench.run(backupKey, 'fresh', input)).effects).toEqual([]);

    expect((await restore(kube, 'mended')).status).toMatchObject({ phase: 'Completed' });
    expect(bytes.equals(await readFile(join(await directory(kube), 'table')))).toBe(true);
  });
});
