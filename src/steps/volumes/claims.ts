import { VELERO_NAMESPACE } from '../../backup/location.ts';
import type { RunId } from '../../model/ids.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { ChosenRecoveryPoint } from '../backup/recovery-point-schema.ts';
import { RESTORE_TYPE, RUN_LABEL } from './velero-restore.ts';

/** Label Velero puts on what a Restore created (Velero 1.18 pkg/apis/velero/v1/labels_annotations.go). */
export const RESTORE_NAME_LABEL = 'velero.io/restore-name';

/** What stands behind one claim on the rebuilt cluster. */
export type ClaimState =
  | { readonly claim: string; readonly state: 'absent' }
  | { readonly claim: string; readonly state: 'restored'; readonly volume: string; readonly path: string; readonly restore: string }
  | { readonly claim: string; readonly state: 'pending'; readonly reason: string }
  | { readonly claim: string; readonly state: 'foreign'; readonly reason: string };

/** Where a volume's bytes are, for evidence: the source's own fields, whatever its type. */
function pathOf(volume: KubeObject): string {
  const spec = (volume.spec ?? {}) as {
    hostPath?: { path?: string };
    local?: { path?: string };
    csi?: { volumeHandle?: string };
    awsElasticBlockStore?: { volumeID?: string };
  };
  return spec.hostPath?.path ?? spec.local?.path ?? spec.csi?.volumeHandle ?? spec.awsElasticBlockStore?.volumeID ?? '';
}

/** A claim, and the Restores that may have brought its volume: those that this run made of the backup that holds it. */
interface Expected {
  readonly claim: string;
  readonly backup: string;
  readonly restores: ReadonlySet<string>;
}

function judge({ claim, backup, restores }: Expected, pvc: KubeObject | undefined, volumes: ReadonlyMap<string, KubeObject>): ClaimState {
  if (pvc === undefined) return { claim, state: 'absent' };
  const volumeName = pvc.spec?.['volumeName'];
  const volume = typeof volumeName === 'string' ? volumes.get(volumeName) : undefined;
  const restore = volume?.metadata.labels?.[RESTORE_NAME_LABEL];
  if (volume === undefined) return { claim, state: 'pending', reason: `it names volume '${String(volumeName ?? '')}', which does not exist` };
  if (restore === undefined) return { claim, state: 'foreign', reason: `it is bound to volume '${volume.metadata.name}', which no restore made` };
  if (!restores.has(restore)) {
    const reason = `volume '${volume.metadata.name}' came with Restore '${restore}', which this run did not make of backup '${backup}'`;
    return { claim, state: 'foreign', reason };
  }
  if (pvc.status?.['phase'] !== 'Bound') return { claim, state: 'pending', reason: `it is in phase ${String(pvc.status?.['phase'] ?? 'none')}` };
  if (pathOf(volume) === '') return { claim, state: 'foreign', reason: `volume '${volume.metadata.name}' has no known source` };
  return { claim, state: 'restored', volume: volume.metadata.name, path: pathOf(volume), restore };
}

/** Names of the Restores that this run made, by the backup they are of. */
async function restoresOf(cluster: KubeCluster, { run, signal }: ClaimScope): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const made = (await cluster.list(RESTORE_TYPE, { namespace: VELERO_NAMESPACE, labelSelector: `${RUN_LABEL}=${run}`, signal })) ?? [];
  const byBackup = Map.groupBy(made, (restore) => String(restore.spec?.['backupName'] ?? ''));
  return new Map([...byBackup].map(([backup, restores]) => [backup, new Set(restores.map(({ metadata }) => metadata.name))]));
}

export interface ClaimScope {
  /** Only what this run restored counts: an earlier run may have taken another backup. */
  readonly run: RunId;
  readonly signal: AbortSignal;
}

/**
 * Looks behind each claim (`namespace/name`) of the recovery points. The phase of a Velero Restore cannot tell a restored volume from an empty one that was
 * there before (Velero 1.18.3 ends both `Completed`, seen); the label on the bound volume, the Restore it names and its path can.
 */
export async function claimStates(
  cluster: KubeCluster,
  points: readonly Pick<ChosenRecoveryPoint, 'name' | 'volumes'>[],
  scope: ClaimScope,
): Promise<readonly ClaimState[]> {
  const { signal } = scope;
  const [pvcs, pvs, restores] = await Promise.all([
    cluster.list({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, { signal }),
    cluster.list({ apiVersion: 'v1', kind: 'PersistentVolume' }, { signal }),
    restoresOf(cluster, scope),
  ]);
  const byClaim = new Map((pvcs ?? []).map((object) => [`${object.metadata.namespace ?? ''}/${object.metadata.name}`, object]));
  const byName = new Map((pvs ?? []).map((object) => [object.metadata.name, object]));
  return points.flatMap(({ name: backup, volumes }) =>
    volumes.map((claim) => judge({ claim, backup, restores: restores.get(backup) ?? new Set() }, byClaim.get(claim), byName)),
  );
}
