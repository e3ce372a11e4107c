import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { backupKeys } from '../../src/backup/velero-layout.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { getCluster, getLab } from '../../src/lab/state.ts';
import type { KubeObject, ResourceType } from '../../src/model/kube-object.ts';
import { backupCoverage } from '../../src/operations/backup-coverage.ts';
import { sealBackup } from '../../src/operations/backup-seal.ts';
import { takeBackup } from '../../src/operations/backup-take.ts';
import type { BackupTools } from '../../src/operations/backup-tools.ts';
import { showBackup } from '../../src/operations/backup-verify.ts';
import { loadPlan } from '../../src/operations/prepare-run.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { LoadedPlan } from '../../src/runbook/load-plan.ts';
import { followRestore } from '../../src/steps/volumes/follow-restore.ts';
import { MemoryRunStore } from '../fakes/memory-run-store.ts';
import { database, meshNamespace } from '../integration/platform-objects.ts';
import { latticeCluster, until } from '../integration/platform-world.ts';
import type { Kubectl } from '../support/kubectl.ts';
import { phaseOf, TrapLab } from './trap-lab.ts';

const WORK = 'work';
const LIMIT_MS = 60_000;
const QUOTA = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeQuota', metadata: { namespace: 'lattice-system', name: 'shop' } } as const;

/** Traps of what backups are believed to hold. A provisioned cluster with Velero, a store, a namespace with databases, and no snapshot location: as the platform installs it. */
describe('traps of backups that are taken', { timeout: 180_000 }, () => {
  let lab: TrapLab;
  let cluster: KubeCluster;
  let kubectl: Kubectl;
  let plan: LoadedPlan;
  let tools: BackupTools;

  const objects: readonly KubeObject[] = [
    {
      ...TYPES.LatticeClusterBackup,
      metadata: { namespace: 'lattice-system', name: 'platform-only' },
      spec: { schedule: '0 4 * * *', scope: { controlPlane: true }, retention: { daily: 7, ttl: '48h' } },
    },
    meshNamespace('shop'),
    { ...QUOTA, spec: { principal: 'Lattice::Group::"shop"', limits: {} } },
    withBackup(database('shop', 'awake'), '7 * * * *'),
    { ...withBackup(database('shop', 'asleep'), '9 * * * *', { replicas: 0 }) },
    withBackup(database('shop', 'often'), '*/10 * * * *'),
  ];

  beforeAll(async () => {
    lab = await TrapLab.start(['s3']);
    const { s3 } = await getLab(lab.directory);
    const wanted = latticeCluster(WORK);
    await lab.world.apply(lab.parent, { ...wanted, spec: { ...wanted.spec, backups: { enabled: true } } });
    await until(async () => (await lab.world.phase(WORK)) === 'Ready', 'the cluster is Ready');
    const { kubeconfigs } = await getCluster(lab.directory, WORK);
    cluster = await lab.open(kubeconfigs.admin);
    kubectl = await lab.kubectl(WORK);
    await until(async () => (await cluster.resource(TYPES.VeleroRestore, lab.signal)) !== undefined, 'Velero is installed');
    await until(async () => (await cluster.resource(TYPES.LatticeClusterBackup, lab.signal)) !== undefined, 'the platform is installed');
    await until(async () => (await lab.get(cluster, TYPES.ValidatingWebhookConfiguration, 'lattice-validating-webhook')) !== undefined, 'its webhook answers');
    const storage = {
      provider: 's3Compatible',
      cloudProviderRef: 'lab-s3',
      s3: { bucket: s3.bucket, region: s3.region, endpoint: s3.endpoint, forcePathStyle: true },
    };
    const store: KubeObject = { ...TYPES.BackupStore, metadata: { namespace: 'lattice-system', name: 'main' }, spec: { default: true, storage } };
    const secret = {
      ...TYPES.Secret,
      metadata: { namespace: 'velero', name: 'velero-credentials-lab-s3' },
      stringData: { cloud: await readFile(s3.credentialsPath, 'utf8') },
    };
    await kubectl.apply([secret, store]);
    await kubectl.apply(objects);
    const { specs } = await lab.bench.commit('specs', [store, ...objects]);
    const backups = [
      { store: 'main', bucket: s3.bucket, region: s3.region, endpoint: s3.endpoint, credentials: { file: s3.credentialsPath }, clusterBackup: 'platform-only' },
    ];
    const spec = {
      cluster: { name: WORK, provisioner: 'existing', existing: { kubeconfig: { file: kubeconfigs.admin } } },
      specs,
      backups,
      objectives: { rto: '1h', rpo: '7d' },
    };
    plan = loadPlan({
      file: '/plan.yaml',
      folder: '/',
      text: stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: WORK }, spec }),
    });
    tools = { ports: lab.bench.ports, clock: systemClock, tool: '1.0.0', signal: lab.signal, plan, store: new MemoryRunStore() };
    await until(async () => phaseOf(await lab.get(cluster, TYPES.BackupStorageLocation, 'velero/lattice-main')) === 'Available', 'the location is Available');
    for (const name of ['awake', 'asleep', 'often'])
      await until(async () => phaseOf(await lab.get(cluster, TYPES.LatticeService, `shop/${name}`)) === 'Ready', `${name} is Ready`);
    await until(async () => (await lab.list(cluster, TYPES.Pod, 'shop')).some((pod) => phaseOf(pod) === 'Running'), 'a database runs');
  }, 180_000);

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
  });

  const get = async (type: ResourceType, place: string) => await lab.get(cluster, type, place);

  /** Takes what a schedule saves, as `backup take` does: waited for, read to its last byte, sealed. */
  const take = async (clusterBackup: string, told: string[] = []) =>
    await takeBackup(
      { plan, what: { clusterBackup }, limitMs: LIMIT_MS, onProgress: ({ message }) => told.push(message) },
      async (backup) => await sealBackup(backup, tools),
      tools,
    );

  /** What a backup lists, from the bucket. */
  const listed = async (name: string): Promise<Readonly<Record<string, readonly string[]>>> => {
    const [section] = plan.plan.spec.backups;
    const store = await lab.bench.ports.objectStores.open({
      ...(section as unknown as { bucket: string; region: string; endpoint: string; credentials: { file: string } }),
    });
    const bytes = await store.read(backupKeys('lattice-main', name).resourceList, { maxBytes: 1024 * 1024, signal: lab.signal });
    return JSON.parse((await promisify(gunzip)(bytes ?? Buffer.alloc(0))).toString()) as Readonly<Record<string, readonly string[]>>;
  };

  it('1: a LatticeRestore never says Completed; ours watches the Velero Restore, which does', async () => {
    const told: string[] = [];
    const { name, proof } = await take('platform-only', told);
    expect(told.some((line) => line.startsWith(`Velero backup ${name}: `))).toBe(true);
    expect(proof.seal.objects.length).toBeGreaterThan(3);
    await kubectl.apply([
      { ...TYPES.LatticeRestore, metadata: { namespace: 'lattice-system', name: 'by-the-book' }, spec: { backupName: name, restoreVolumes: false } },
    ]);
    await until(async () => phaseOf(await get(TYPES.VeleroRestore, 'velero/by-the-book')) === 'Completed', 'the Velero Restore is Completed');
    // Whoever waits for its phase waits for ever, also when something makes the controller look again.
    await kubectl('-n', 'lattice-system', 'annotate', 'latticerestore', 'by-the-book', 'looked=again');
    await sleep(3_000);
    expect((await get(TYPES.LatticeRestore, 'lattice-system/by-the-book'))?.status).toMatchObject({ phase: 'InProgress', message: 'Velero Restore created' });

    const ctx = { clock: systemClock, signal: AbortSignal.timeout(LIMIT_MS), progress: () => undefined };
    expect(phaseOf(await followRestore(cluster, 'by-the-book', ctx))).toBe('Completed');
  });

  it('3: controlPlane leaves out quotas, secrets and volumes, and daily keeps nothing; coverage names each', async () => {
    const { name } = await take('platform-only');
    const held = await listed(name);
    expect(held['lattice.dev/v1alpha1/LatticeService']).toContain('shop/awake');
    const all = Object.keys(held).join(' ');
    for (const missing of ['LatticeQuota', 'v1/Secret', 'PersistentVolumeClaim', 'v1/Namespace']) expect(all).not.toContain(missing);
    const schedule = await get(TYPES.VeleroSchedule, 'velero/lattice-platform-only');
    expect(JSON.stringify(schedule?.spec)).not.toContain('7');

    const coverage = await backupCoverage({ plan, specsOnly: false }, tools);
    const said = coverage.findings.map(({ code, object }) => `${code} ${object.replace('lattice.dev/', '')}`);
    expect(said).toEqual(
      expect.arrayContaining([
        'kinds-omitted LatticeQuota',
        'secrets-omitted Secret',
        'field-ignored LatticeClusterBackup lattice-system/platform-only',
        'kinds-not-there LatticeClusterBackup lattice-system/platform-only',
      ]),
    );
    expect(coverage.volumes).toEqual({ total: 3, saved: 0 });
  });

  it('5: a service backup is Completed without the data, or without the claim; a schedule too dense is refused in silence; coverage says so before', async () => {
    const awake = await take('svc-shop-awake');
    expect((await listed(awake.name))['v1/PersistentVolumeClaim']).toEqual(['shop/awake-data']);
    expect((await showBackup({ name: awake.name, store: 'main' }, tools)).withoutData).toMatchObject([{ claim: 'shop/awake-data' }]);
    const asleep = await take('svc-shop-asleep');
    expect((await listed(asleep.name))['v1/PersistentVolumeClaim']).toBeUndefined();
    expect(await get(TYPES.VeleroSchedule, 'velero/lattice-svc-shop-often')).toBeUndefined();
    expect(phaseOf(await get(TYPES.LatticeService, 'shop/often'))).toBe('Ready');

    const { findings } = await backupCoverage({ plan, specsOnly: false }, tools);
    const losses = findings
      .filter(({ severity }) => severity === 'loss')
      .map(({ code, message }) => `${code} ${/claim (\S+)/.exec(message)?.[1] ?? ''}`.trim());
    expect(losses).toEqual(
      expect.arrayContaining([
        'volume-not-copied shop/awake-data',
        'volume-at-zero-replicas shop/asleep-data',
        'volume-omitted shop/often-data',
        'cron-refused',
      ]),
    );
  });

  it('refuses a name that is taken, on the cluster or in the bucket, before anything is asked for', async () => {
    const { name } = await take('platform-only');
    const again = takeBackup(
      { plan, name, what: { clusterBackup: 'platform-only' }, limitMs: LIMIT_MS, onProgress: () => undefined },
      async () => undefined,
      tools,
    );
    await expect(again).rejects.toMatchObject({
      code: 'BACKUP_EXISTS',
      details: { places: [expect.stringMatching(/^on https/), expect.stringMatching(/^in .*lattice-main\/backups/)] },
    });
  });
});

function withBackup(object: KubeObject, schedule: string, more: object = {}): KubeObject {
  return { ...object, spec: { ...object.spec, ...more, backup: { schedule } } };
}
