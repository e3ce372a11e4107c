import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import { startVelero } from '../../src/lab/cluster-servers.ts';
import type { LabCluster, LabConfig } from '../../src/lab/config.ts';
import { createCluster } from '../../src/lab/create-cluster.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { killVelero } from '../../src/lab/faults/velero-kill.ts';
import { labStatus } from '../../src/lab/lab-status.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { SNAPSHOT_PROVIDER, snapshotLocationConfig, veleroCrds } from '../../src/lab/servers/velero.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { readS3Access } from './lab-logs.ts';
import { createTestLab, listeningAddresses, type TestLab } from './lab-world.ts';

const VELERO = 'velero.io/v1';
const object = (type: string, metadata: KubeObject['metadata'], spec: JsonObject = {}): KubeObject => {
  const at = type.lastIndexOf('/');
  return { apiVersion: type.slice(0, at), kind: type.slice(at + 1), metadata, spec };
};

describe('Velero in a lab', { timeout: 180_000 }, () => {
  let world: TestLab;
  let lab: LabConfig;
  const signal = AbortSignal.timeout(170_000);
  const write = { fieldManager: 'test', signal };

  beforeAll(async () => {
    world = await createTestLab();
    lab = await labUp({ ...world.operation, only: ['s3'] });
  }, 120_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const open = async (cluster: LabCluster): Promise<KubeCluster> =>
    await openCluster({ kubeconfigPath: cluster.kubeconfigs.admin }, { clock: systemClock, env: {} });

  /** Velero ends at once when a type of its own is not served yet. */
  const installCrds = async (kube: KubeCluster): Promise<void> => {
    const crds = await veleroCrds(signal);
    for (const crd of crds) await kube.apply(crd, { ...write, fieldValidation: 'Ignore' });
    await using live = await kube.live({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
    const isServed = ({ status }: KubeObject): boolean => {
      const conditions = (status?.['conditions'] ?? []) as readonly { readonly type: string; readonly status: string }[];
      return conditions.some((condition) => condition.type === 'Established' && condition.status === 'True');
    };
    await live.until((all) => [...all.values()].filter(isServed).length === crds.length || undefined, signal);
  };

  const createWithVelero = async (
    name: string,
    accessMode: 'ReadWrite' | 'ReadOnly',
  ): Promise<{ readonly cluster: LabCluster; readonly kube: KubeCluster }> => {
    const cluster = await createCluster({ ...world.operation, name, role: 'workload' });
    const kube = await open(cluster);
    await installCrds(kube);
    await kube.apply(object('v1/Namespace', { name: 'velero' }), write);
    const labels = { app: 'velero' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'velero', image: 'velero' }] } };
    await kube.apply(object('apps/v1/Deployment', { name: 'velero', namespace: 'velero' }, { selector: { matchLabels: labels }, template }), write);
    await startVelero({ ...world.operation, cluster: name });
    const config = { region: lab.s3.region, s3Url: lab.s3.endpoint, s3ForcePathStyle: 'true' };
    const objectStorage = { bucket: lab.s3.bucket, prefix: 'lattice-main' };
    await kube.apply(
      object('velero.io/v1/BackupStorageLocation', { name: 'lattice-main', namespace: 'velero' }, { provider: 'aws', accessMode, config, objectStorage }),
      write,
    );
    await kube.apply(
      object(
        'velero.io/v1/VolumeSnapshotLocation',
        { name: 'disks', namespace: 'velero' },
        { provider: SNAPSHOT_PROVIDER, config: snapshotLocationConfig(lab) },
      ),
      write,
    );
    return { cluster, kube };
  };

  const untilPhase = async (kube: KubeCluster, kind: string, { name, phase }: { readonly name: string; readonly phase: string }): Promise<KubeObject> => {
    await using live = await kube.live({ apiVersion: VELERO, kind }, { namespace: 'velero' });
    return await live.until((all) => [...all.values()].find((one) => one.metadata.name === name && one.status?.['phase'] === phase), signal);
  };

  it('brings a volume saved in one cluster back in another, byte for byte, on that cluster’s disks; listens on loopback only; starts again when killed', async () => {
    const old = await createWithVelero('old', 'ReadWrite');
    const path = join(old.cluster.disksPath, 'pv-db');
    const bytes = randomBytes(300_000);
    await mkdir(join(path, 'base'), { recursive: true });
    await writeFile(join(path, 'base', 'table'), bytes);
    const shared = { storageClassName: '', accessModes: ['ReadWriteOnce'] };
    const capacity = { storage: '1Gi' };
    const claimRef = { namespace: 'default', name: 'db' };
    await old.kube.apply(
      object('v1/PersistentVolume', { name: 'pv-db' }, { ...shared, capacity, claimRef, persistentVolumeReclaimPolicy: 'Retain', hostPath: { path } }),
      write,
    );
    await old.kube.apply(
      object('v1/PersistentVolumeClaim', { name: 'db', namespace: 'default' }, { ...shared, volumeName: 'pv-db', resources: { requests: capacity } }),
      write,
    );
    await untilPhase(old.kube, 'BackupStorageLocation', { name: 'lattice-main', phase: 'Available' });
    await old.kube.create(
      object('velero.io/v1/Backup', { name: 'one', namespace: 'velero' }, { storageLocation: 'lattice-main', includedNamespaces: ['default'] }),
      write,
    );
    const backup = await untilPhase(old.kube, 'Backup', { name: 'one', phase: 'Completed' });
    expect(backup.status).toMatchObject({ volumeSnapshotsAttempted: 1, volumeSnapshotsCompleted: 1 });
    await old.kube[Symbol.asyncDispose]();
    await destroyCluster({ ...world.operation, cluster: 'old' });

    const fresh = await createWithVelero('fresh', 'ReadOnly');
    await untilPhase(fresh.kube, 'BackupStorageLocation', { name: 'lattice-main', phase: 'Available' });
    // Velero looks for foreign backups once a minute, whatever its flags say (Velero 1.18 backup_sync_controller.go, `backupSyncReconcilePeriod`). Here
    // is what it would make of what it found.
    const stored = backup.spec ?? {};
    await fresh.kube.create(
      {
        ...object('velero.io/v1/Backup', { name: 'one', namespace: 'velero', labels: { 'velero.io/storage-location': 'lattice-main' } }, stored),
        status: backup.status ?? {},
      },
      write,
    );
    await fresh.kube.create(
      object(
        'velero.io/v1/Restore',
        { name: 'one', namespace: 'velero' },
        { backupName: 'one', includedResources: ['persistentvolumeclaims', 'persistentvolumes'], restorePVs: true },
      ),
      write,
    );
    await untilPhase(fresh.kube, 'Restore', { name: 'one', phase: 'Completed' });
    const volume = await fresh.kube.get({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv-db' }, signal);
    expect(volume?.metadata.labels).toMatchObject({ 'velero.io/restore-name': 'one' });
    const restored = (volume?.spec as { readonly hostPath: { readonly path: string } } | undefined)?.hostPath.path ?? '';
    expect(dirname(restored)).toBe(fresh.cluster.disksPath);
    expect(bytes.equals(await readFile(join(restored, 'base', 'table')))).toBe(true);
    const requesters = new Set(
      (await readS3Access(lab.s3.accessLogPath)).filter((entry) => entry.operation === 's3_PutObject').map((entry) => entry.requester),
    );
    expect([...requesters]).toEqual(['velero']);
    await fresh.kube[Symbol.asyncDispose]();

    const { servers, clusters } = await labStatus(world.operation);
    const cluster = clusters.at(-1);
    const { veleroMetrics, veleroProfiler } = cluster?.ports ?? { veleroMetrics: 0, veleroProfiler: 0 };
    expect(await listeningAddresses([veleroMetrics, veleroProfiler])).toHaveLength(2);
    expect((await listeningAddresses([veleroMetrics, veleroProfiler, 8080])).filter((address) => !address.startsWith('0100007F:'))).toEqual([]);
    await killVelero({ ...world.operation, cluster: 'fresh' });
    const after = await labStatus(world.operation);
    const pidOf = (status: typeof after): number | undefined => status.servers.find(({ id }) => id === `${cluster?.id}.velero`)?.pid;
    expect(pidOf(after)).toEqual(expect.any(Number));
    expect(pidOf(after)).not.toBe(pidOf({ ...after, servers }));
  });
});
