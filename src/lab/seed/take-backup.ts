import { DrError, isDrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { LabConfig } from '../config.ts';
import { SNAPSHOT_PROVIDER, snapshotLocationConfig } from '../servers/velero.ts';

const VELERO = 'velero.io/v1';
const NAMESPACE = 'velero';
const MANAGER = 'kubectl';

/** Name of the lab's snapshot location, on every cluster that takes backups. */
const SNAPSHOT_LOCATION = 'lab-disks';

/** Velero's own form of a scheduled backup's name: `<schedule>-<YYYYMMDDhhmmss>`. */
function backupName(schedule: string, now: Date): string {
  return `${schedule}-${now.toISOString().replace(/\D/g, '').slice(0, 14)}`;
}

/** Makes where snapshots of this lab's volumes go known to a cluster's Velero; the platform brings no snapshot location of its own (lattice-velero/build.rs). */
export async function ensureSnapshotLocation(lab: LabConfig, cluster: KubeCluster, signal: AbortSignal): Promise<void> {
  const metadata = { name: SNAPSHOT_LOCATION, namespace: NAMESPACE };
  const spec = { provider: SNAPSHOT_PROVIDER, config: snapshotLocationConfig(lab) };
  await cluster.apply({ apiVersion: VELERO, kind: 'VolumeSnapshotLocation', metadata, spec }, { fieldManager: MANAGER, force: true, signal });
}

async function scheduleOf(cluster: KubeCluster, name: string, signal: AbortSignal): Promise<KubeObject> {
  await using schedules = await cluster.live({ apiVersion: VELERO, kind: 'Schedule' }, { namespace: NAMESPACE });
  await using locations = await cluster.live({ apiVersion: VELERO, kind: 'BackupStorageLocation' }, { namespace: NAMESPACE });
  const schedule = await schedules.until((objects) => [...objects.values()].find((object) => object.metadata.name === name), signal);
  const location = (schedule.spec?.['template'] as JsonObject | undefined)?.['storageLocation'];
  await locations.until(
    (objects) => [...objects.values()].find((object) => object.metadata.name === location && object.status?.['phase'] === 'Available'),
    signal,
  );
  return schedule;
}

/** Waits until every node has its Velero agent: a file system backup of a pod whose node has none fails. */
export async function untilAgentsReady(cluster: KubeCluster, signal: AbortSignal): Promise<void> {
  await using sets = await cluster.live({ apiVersion: 'apps/v1', kind: 'DaemonSet' }, { namespace: NAMESPACE });
  await sets.until((objects) => {
    const status = [...objects.values()].find((object) => object.metadata.name === 'node-agent')?.status;
    const wanted = Number(status?.['desiredNumberScheduled'] ?? 0);
    return wanted > 0 && Number(status?.['numberReady'] ?? 0) >= wanted ? true : undefined;
  }, signal);
}

/** Runs a schedule now, as `velero backup create --from-schedule` does, and waits for `Completed`. Gives the backup's name. */
export async function takeBackup(cluster: KubeCluster, scheduleName: string, signal: AbortSignal): Promise<string> {
  const schedule = await scheduleOf(cluster, scheduleName, signal);
  const name = backupName(scheduleName, new Date());
  const metadata = { name, namespace: NAMESPACE, labels: { 'velero.io/schedule-name': scheduleName } };
  const backup = { apiVersion: VELERO, kind: 'Backup', metadata, spec: schedule.spec?.['template'] as JsonObject };
  try {
    await cluster.create(backup, { fieldManager: MANAGER, signal });
  } catch (error) {
    if (!isDrError(error, 'KUBE_CONFLICT')) throw error; // It was due in this very second: the schedule has made it.
  }
  await using backups = await cluster.live({ apiVersion: VELERO, kind: 'Backup' }, { namespace: NAMESPACE });
  const phase = await backups.until((objects) => {
    const now = String([...objects.values()].find((object) => object.metadata.name === name)?.status?.['phase'] ?? 'New');
    return /^(Completed|PartiallyFailed|Failed|FailedValidation)$/.test(now) ? now : undefined;
  }, signal);
  if (phase !== 'Completed')
    throw new DrError({
      code: 'LAB_SERVER_FAILED',
      message: `backup '${name}' ended ${phase}`,
      suggestions: ['to see what the servers say: lattice-dr lab logs'],
    });
  return name;
}
