import { diskOf } from '../../backup/disk.ts';
import type { RunId } from '../../model/ids.ts';
import { type KubeObject, placeOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { CLAIM_UID_LABEL, carrierRef, MOVER_TYPE, POD_TYPE } from './carrier.ts';
import type { VolumeSource } from './source-schema.ts';
import { isTerminal, RESTORE_NAME_LABEL, RUN_LABEL, restorePhase, restoresOf } from './velero-restore.ts';

export const CLAIM_TYPE = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' } as const;
export const VOLUME_TYPE = { apiVersion: 'v1', kind: 'PersistentVolume' } as const;

/**
 * What stands behind one claim on the rebuilt cluster. `pending`: it is on its way. `incomplete`: this run made it and its data did not come, so it has to go
 * before the next try. `foreign`: something else made it.
 */
type ClaimFinding =
  | { readonly state: 'absent' }
  | { readonly state: 'restored'; readonly volume: KubeObject; readonly path: string }
  | { readonly state: 'pending'; readonly reason: string }
  | { readonly state: 'incomplete'; readonly reason: string; readonly object: KubeObject }
  | { readonly state: 'foreign'; readonly reason: string };
export type ClaimState = ClaimFinding & { readonly claim: string };

/** What is on the cluster, read once for all claims. */
interface World {
  readonly run: RunId;
  readonly claims: ReadonlyMap<string, KubeObject>;
  readonly volumes: ReadonlyMap<string, KubeObject>;
  /** Restores that this run has made. */
  readonly restores: ReadonlyMap<string, KubeObject>;
  /** What has copied files for this run, by the uid of the claim. */
  readonly movers: ReadonlyMap<string, KubeObject>;
  /** Pods of this run that hold claims, `namespace/name`. */
  readonly carriers: ReadonlySet<string>;
}

/** Where a volume's bytes are, for evidence. */
function pathOf(volume: KubeObject): string {
  return diskOf(volume.spec)?.handle ?? '';
}

function isBound(pvc: KubeObject): boolean {
  return pvc.status?.['phase'] === 'Bound';
}

function unbound(pvc: KubeObject): ClaimFinding {
  return { state: 'pending', reason: `it is in phase ${String(pvc.status?.['phase'] ?? 'none')}` };
}

function judgeOldDisk({ disk }: VolumeSource, pvc: KubeObject, { run, volumes }: World): ClaimFinding {
  const name = String(pvc.spec?.['volumeName'] ?? '');
  if (name !== disk?.volume) return { state: 'foreign', reason: `it names volume '${name}' and not its old disk` };
  const volume = volumes.get(name);
  if (volume === undefined) return { state: 'pending', reason: `volume '${name}' does not exist` };
  if (volume.metadata.labels?.[RUN_LABEL] !== run) return { state: 'foreign', reason: `volume '${name}' was not made by this run` };
  const path = pathOf(volume);
  if (path !== diskOf(disk.spec)?.handle) return { state: 'foreign', reason: `volume '${name}' is on ${path || 'no known disk'} and not on its old disk` };
  return isBound(pvc) ? { state: 'restored', volume, path } : unbound(pvc);
}

/** The Restore of this run that made an object, if it was one of the right backup. */
function ownRestore(object: KubeObject, { backup }: VolumeSource, { restores }: World): KubeObject | undefined {
  const restore = restores.get(object.metadata.labels?.[RESTORE_NAME_LABEL] ?? '');
  return restore?.spec?.['backupName'] === backup ? restore : undefined;
}

/**
 * A volume with the label of a Restore is whole: Velero makes the object only after storage has said that the volume is made (Velero 1.18
 * pkg/restore/pv_restorer.go). A claim without one is not, whatever phase the Restore ended in.
 */
function judgeSnapshot(source: VolumeSource, pvc: KubeObject, world: World): ClaimFinding {
  const name = String(pvc.spec?.['volumeName'] ?? '');
  const volume = world.volumes.get(name);
  const restore = volume?.metadata.labels?.[RESTORE_NAME_LABEL];
  if (volume === undefined || restore === undefined) {
    const reason = volume === undefined ? `it names volume '${name}', which does not exist` : `it is bound to volume '${name}', which no restore made`;
    const maker = ownRestore(pvc, source, world);
    if (maker === undefined) return volume === undefined ? { state: 'pending', reason } : { state: 'foreign', reason };
    const isOver = isTerminal(maker) && restorePhase(maker) !== 'Completed';
    return isOver ? { state: 'incomplete', reason, object: pvc } : { state: 'pending', reason };
  }
  if (ownRestore(volume, source, world) === undefined)
    return { state: 'foreign', reason: `volume '${name}' came with Restore '${restore}', which this run did not make of backup '${source.backup ?? ''}'` };
  if (!isBound(pvc)) return unbound(pvc);
  const path = pathOf(volume);
  return path === '' ? { state: 'foreign', reason: `volume '${name}' has no known source` } : { state: 'restored', volume, path };
}

/**
 * A claim that is filled file by file is made empty, on a new volume that carries no label. It is whole when the mover of this very claim has ended well, of the
 * snapshot that was chosen; until its carrier pod is gone, nothing else may have it.
 */
function judgeFiles(source: VolumeSource, pvc: KubeObject, world: World): ClaimFinding {
  if (ownRestore(pvc, source, world) === undefined) return { state: 'foreign', reason: 'it was not made by a restore of this run' };
  const mover = world.movers.get(pvc.metadata.uid ?? '');
  const phase = mover?.status?.['phase'];
  if (phase === 'Failed' || phase === 'Canceled')
    return {
      state: 'incomplete',
      reason: `PodVolumeRestore '${mover?.metadata.name ?? ''}' ended ${phase}: ${String(mover?.status?.['message'] ?? '')}`,
      object: pvc,
    };
  if (phase !== 'Completed' || mover?.spec?.['snapshotID'] !== source.files?.snapshot) return { state: 'pending', reason: 'its files are not there yet' };
  const { namespace = '', name } = carrierRef(source.claim);
  if (world.carriers.has(`${namespace}/${name}`)) return { state: 'pending', reason: 'its carrier pod still has it' };
  const volume = world.volumes.get(String(pvc.spec?.['volumeName'] ?? ''));
  return volume === undefined || !isBound(pvc) ? unbound(pvc) : { state: 'restored', volume, path: pathOf(volume) };
}

function judge(source: VolumeSource, world: World): ClaimFinding {
  const pvc = world.claims.get(source.claim);
  if (pvc === undefined) return { state: 'absent' };
  if (source.from === 'fs-backup') return judgeFiles(source, pvc, world);
  return source.from === 'survivor' ? judgeOldDisk(source, pvc, world) : judgeSnapshot(source, pvc, world);
}

export interface ClaimScope {
  /** Only what this run restored counts: an earlier run may have taken another backup. */
  readonly run: RunId;
  readonly signal: AbortSignal;
}

/**
 * Looks behind each claim. The phase of a Velero Restore cannot tell a restored volume from an empty one that was there before (Velero 1.18.3 ends both
 * `Completed`, seen); the label on the bound volume, the Restore it names and its path can.
 */
export async function claimStates(cluster: KubeCluster, sources: readonly VolumeSource[], scope: ClaimScope): Promise<readonly ClaimState[]> {
  const { run, signal } = scope;
  const [pvcs, pvs, restores, files] = await Promise.all([
    cluster.list(CLAIM_TYPE, { signal }),
    cluster.list(VOLUME_TYPE, { signal }),
    restoresOf(cluster, scope),
    sources.some(({ from }) => from === 'fs-backup') ? filesOf(cluster, scope) : NO_FILES,
  ]);
  const claims = new Map((pvcs ?? []).map((object) => [placeOf(object), object]));
  const volumes = new Map((pvs ?? []).map((object) => [object.metadata.name, object]));
  return sources.map((source) => ({ claim: source.claim, ...judge(source, { run, claims, volumes, restores, ...files }) }));
}

type Files = Pick<World, 'movers' | 'carriers'>;
const NO_FILES: Files = { movers: new Map(), carriers: new Set() };

/** What this run has made to fill claims file by file. */
async function filesOf(cluster: KubeCluster, { run, signal }: ClaimScope): Promise<Files> {
  const labelSelector = `${RUN_LABEL}=${run}`;
  const [movers, pods] = await Promise.all([cluster.list(MOVER_TYPE, { labelSelector, signal }), cluster.list(POD_TYPE, { labelSelector, signal })]);
  return {
    movers: new Map((movers ?? []).map((mover) => [mover.metadata.labels?.[CLAIM_UID_LABEL] ?? '', mover])),
    carriers: new Set((pods ?? []).map(placeOf)),
  };
}

/** Namespace and name in `namespace/name`. */
export function placeParts(place: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = place.split('/');
  return { namespace, name };
}
