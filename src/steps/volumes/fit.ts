import { VELERO_NAMESPACE } from '../../backup/location.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { PlanVolumes } from '../../model/plan/volumes.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { FIELD_MANAGER } from '../platform-names.ts';
import { storageClassesOf, zonesOf } from './offers.ts';
import type { VolumeSource } from './source-schema.ts';

/**
 * Refuses volumes whose snapshots are of a zone in which the cluster has no node: Velero makes the disk there, Completed, and no pod can ever mount it (Velero 1.18
 * passes the snapshot's own zone on, pkg/restore/pv_restorer.go). A cluster whose nodes name no zone has none to miss.
 */
export async function refuseMissingZones(cluster: KubeCluster, sources: readonly VolumeSource[], signal: AbortSignal): Promise<void> {
  const zoned = sources.filter(({ zone }) => zone !== undefined);
  if (zoned.length === 0) return;
  const zones = await zonesOf(cluster, signal);
  const missing = zones.length === 0 ? [] : zoned.filter(({ zone = '' }) => !zones.includes(zone));
  if (missing.length === 0) return;
  throw new DrError({
    code: 'ZONE_MISSING',
    message: `the nodes are in ${zones.join(', ')}, and these volumes would be made elsewhere: ${missing.map(({ claim, zone = '' }) => `${claim} in ${zone}`).join(', ')}`,
    details: { claims: missing.map(({ claim }) => claim) },
    suggestions: ['give the cluster a node in each of these zones, then resume: nothing has been restored yet', 'or copy the snapshots to a zone that it has'],
  });
}

/**
 * Refuses what would be made by a storage class that the cluster does not have: a claim without its class stays Pending, and Velero refuses each object whose
 * class is mapped to one that is not there (Velero 1.18 pkg/restore/actions/change_storageclass_action.go, `isStorageClassExist`).
 */
export async function refuseMissingClasses(cluster: KubeCluster, sources: readonly VolumeSource[], options: ClassOptions): Promise<void> {
  const { plan, signal } = options;
  if (sources.every(({ from }) => from === 'survivor')) return;
  const mapped = plan?.storageClasses ?? {};
  const needed = new Set([...Object.values(mapped), ...sources.flatMap(({ storageClass: name }) => (name === undefined ? [] : (mapped[name] ?? name)))]);
  if (needed.size === 0) return;
  const classes = await storageClassesOf(cluster, signal);
  const missing = [...needed].filter((name) => !classes.includes(name)).sort();
  if (missing.length === 0) return;
  throw new DrError({
    code: 'STORAGE_CLASS_MISSING',
    message: `volumes would be made in ${missing.join(', ')}, and the cluster has the storage classes: ${classes.join(', ') || 'none'}`,
    details: { missing, classes: [...classes] },
    suggestions: [
      'create the class, then resume: nothing has been restored yet',
      'or name one that is there under spec.volumes.storageClasses of the plan, then lattice-dr resume --plan FILE',
    ],
  });
}

interface ClassOptions {
  readonly plan: PlanVolumes | undefined;
  readonly signal: AbortSignal;
}

/** Velero's own way to have claims come back in another class (Velero 1.18 pkg/restore/actions/change_storageclass_action.go). */
export async function mapStorageClasses(cluster: KubeCluster, plan: PlanVolumes | undefined, signal: AbortSignal): Promise<void> {
  const classes = plan?.storageClasses;
  if (classes === undefined) return;
  const labels = { 'velero.io/plugin-config': '', 'velero.io/change-storage-class': 'RestoreItemAction' };
  const metadata = { name: 'lattice-dr-storage-classes', namespace: VELERO_NAMESPACE, labels };
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { ...classes } };
  await cluster.apply(object, { fieldManager: FIELD_MANAGER, force: true, signal });
}
