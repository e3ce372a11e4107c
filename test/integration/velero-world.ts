import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import { startNode } from '../../src/lab/cluster-servers.ts';
import type { LabCluster, LabConfig } from '../../src/lab/config.ts';
import { createCluster } from '../../src/lab/create-cluster.ts';
import { writeMachineData } from '../../src/lab/node/machine-data.ts';
import { installCrds } from '../../src/lab/platform/install/crds.ts';
import { veleroObjects } from '../../src/lab/platform/install/velero-objects.ts';
import type { LabOperation } from '../../src/lab/progress.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { SNAPSHOT_PROVIDER, snapshotLocationConfig, veleroCrds } from '../../src/lab/servers/velero.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ResourceType } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';

/** An object of a type written `<apiVersion>/<kind>`. */
export function object(type: string, metadata: KubeObject['metadata'], spec: JsonObject = {}): KubeObject {
  const at = type.lastIndexOf('/');
  return { apiVersion: type.slice(0, at), kind: type.slice(at + 1), metadata, spec };
}

/** A cluster of a lab whose node runs Velero, without a platform. */
export interface VeleroCluster {
  readonly cluster: LabCluster;
  readonly kube: KubeCluster;
}

const MANAGER = 'test';

export interface VeleroClusterOptions {
  readonly name: string;
  readonly accessMode: 'ReadWrite' | 'ReadOnly';
  /** Definitions that are there before Velero: it looks at the kinds of a server when it starts, and every five minutes (Velero 1.18 pkg/discovery/helper.go). */
  readonly crds?: readonly KubeObject[];
  /** Nodes that take the work, each with an agent of Velero's; none but the control plane by default. */
  readonly workers?: number;
}

/** Makes a cluster with Velero, its node agent, a location for backups and one for snapshots, and waits until all of them serve. */
export async function createWithVelero(
  operation: LabOperation,
  lab: LabConfig,
  { name, accessMode, crds = [], workers = 0 }: VeleroClusterOptions,
): Promise<VeleroCluster> {
  const { signal } = operation;
  const write = { fieldManager: MANAGER, force: true, signal };
  const cluster = await createCluster({ ...operation, name, role: 'workload' });
  const kube = await openCluster({ kubeconfigPath: cluster.kubeconfigs.admin }, { clock: systemClock, env: {} });
  const names = Array.from({ length: workers }, (_, index) => `${name}-worker-${index}`);
  if (workers > 0) await writeMachineData(cluster, { nodes: names.map((one) => ({ name: one, role: 'worker', labels: {} })) });
  await startNode({ ...operation, cluster: cluster.id });
  await installCrds([...crds, ...(await veleroCrds(signal))], { kube, clock: systemClock }, signal);
  for (const one of veleroObjects(cluster)) await kube.apply(one, write);
  const config = { region: lab.s3.region, s3Url: lab.s3.endpoint, s3ForcePathStyle: 'true' };
  const objectStorage = { bucket: lab.s3.bucket, prefix: 'lattice-main' };
  const location = { provider: 'aws', accessMode, config, objectStorage };
  await kube.apply(object('velero.io/v1/BackupStorageLocation', { name: 'lattice-main', namespace: 'velero' }, location), write);
  const disks = { provider: SNAPSHOT_PROVIDER, config: snapshotLocationConfig(lab) };
  await kube.apply(object('velero.io/v1/VolumeSnapshotLocation', { name: 'disks', namespace: 'velero' }, disks), write);
  await untilSeen({ kube, signal }, TYPES.DaemonSet, ({ status }) => Number(status?.['numberReady'] ?? 0) >= Math.max(workers, 1));
  await untilSeen({ kube, signal }, TYPES.Deployment, ({ status }) => Number(status?.['availableReplicas'] ?? 0) > 0);
  await untilPhase({ kube, signal }, 'BackupStorageLocation', { name: 'lattice-main', phase: 'Available' });
  return { cluster, kube };
}

interface Looking {
  readonly kube: KubeCluster;
  readonly signal: AbortSignal;
}

/** Waits for an object of a type for which something holds. */
export async function untilSeen({ kube, signal }: Looking, type: ResourceType, holds: (one: KubeObject) => boolean): Promise<KubeObject> {
  await using live = await kube.live(type);
  return await live.until((all) => [...all.values()].find(holds), signal);
}

/** Waits for an object of Velero's in a phase. */
export async function untilPhase(looking: Looking, kind: string, want: { readonly name: string; readonly phase: string }): Promise<KubeObject> {
  const isIt = ({ metadata, status }: KubeObject): boolean => metadata.name === want.name && status?.['phase'] === want.phase;
  return await untilSeen(looking, { apiVersion: 'velero.io/v1', kind }, isIt);
}

/**
 * Tells a cluster of a backup, and of its volumes in the Kopia repository, that another has made. Velero looks for foreign backups once a minute, whatever
 * its flags say (Velero 1.18 backup_sync_controller.go, `backupSyncReconcilePeriod`); here is what it would make of what it found.
 */
export async function introduceBackup(backup: KubeObject, from: Looking, to: Looking): Promise<void> {
  const { name } = backup.metadata;
  const metadata = { name, namespace: 'velero', labels: { 'velero.io/storage-location': 'lattice-main' } };
  await to.kube.create(
    { ...object('velero.io/v1/Backup', metadata, backup.spec ?? {}), status: backup.status ?? {} },
    { fieldManager: MANAGER, signal: to.signal },
  );
  const volumes = (await from.kube.list({ apiVersion: 'velero.io/v1', kind: 'PodVolumeBackup' }, { signal: from.signal })) ?? [];
  for (const { metadata: had, spec, status } of volumes.filter(({ metadata: { labels } }) => labels?.['velero.io/backup-name'] === name)) {
    const copy = object('velero.io/v1/PodVolumeBackup', { name: had.name, namespace: 'velero', labels: had.labels ?? {} }, spec ?? {});
    await to.kube.create({ ...copy, status: status ?? {} }, { fieldManager: MANAGER, signal: to.signal });
  }
}
