import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import type { PlanMosk } from '../model/plan/mosk.ts';

/** Backups of a MOSK or management cluster (Mirantis OpenStack for Kubernetes, "ClusterBackup resource" of the management API). */
export const CLUSTER_BACKUP: ResourceType = { apiVersion: 'kaas.mirantis.com/v1alpha1', kind: 'ClusterBackup' };

/** What is said of every one of them, wherever one is shown. */
export const MKE_RESTORE_OUT_OF_SCOPE = 'restoring a backup of MKE is not done by this tool: follow the vendor’s procedure with the file named here';

/** What becomes of a backup that says this of itself (same document, field `status.status`). */
interface StatusMeaning {
  readonly state: 'done' | 'unfinished' | 'failed' | 'going' | 'gone';
  readonly says: string;
}

const STATUSES: Readonly<Record<string, StatusMeaning>> = {
  Completed: { state: 'done', says: 'it is completed' },
  Deleted: { state: 'gone', says: 'it was deleted from the remote storage' },
  DeleteFailed: { state: 'going', says: 'its deletion failed, so parts of it may be missing' },
  DeletionInProgress: { state: 'going', says: 'it is being deleted' },
  DeletionPending: { state: 'going', says: 'its deletion was asked for' },
  Failed: { state: 'failed', says: 'it failed' },
  InProgress: { state: 'unfinished', says: 'it is being made' },
  Pending: { state: 'unfinished', says: 'it has not begun' },
  Stuck: { state: 'failed', says: 'it is stuck, and only a person can move it' },
  UploadingInProgress: { state: 'unfinished', says: 'it is being uploaded: so far it is on a machine of the cluster' },
  UploadPending: { state: 'unfinished', says: 'it waits for its upload: so far it is on a machine of the cluster' },
};

/** Whether a ClusterBackup can be recovered from. */
export interface MoskVerdict {
  /**
   * `recovery-point`: it is elsewhere, whole, and its key can be had. `local-only` and `key-in-cluster`: it goes with the cluster, or cannot be read without it.
   * `unknown`: it says something that the document does not have.
   */
  readonly state: 'recovery-point' | 'local-only' | 'key-in-cluster' | 'unfinished' | 'failed' | 'going' | 'gone' | 'unknown';
  readonly reason: string;
}

interface MoskStatus {
  readonly status?: string;
  readonly startedAt?: string;
  readonly completedAt?: string;
  readonly uploadedAt?: string;
  readonly fileNames?: Readonly<Record<string, string>>;
}

interface MoskParameters {
  readonly keyEncryptionKey?: string;
  readonly nfsUploadUrl?: string;
  readonly rclone?: { readonly bucket?: string };
}

export function moskStatus(backup: KubeObject): MoskStatus {
  return backup.status ?? {};
}

function parametersOf(backup: KubeObject): MoskParameters {
  return (backup.spec?.['parameters'] ?? {}) as MoskParameters;
}

/** Where it was uploaded to, in words; `undefined` for one that was not. */
export function moskDestination(backup: KubeObject): string | undefined {
  const { nfsUploadUrl, rclone } = parametersOf(backup);
  return nfsUploadUrl ?? (rclone?.bucket === undefined ? undefined : `rclone bucket ${rclone.bucket}`);
}

/**
 * Judges a ClusterBackup by what it says of itself.
 *
 * @param keptKeys - Secrets (`namespace/name`) and keys (`name`) that are kept outside of the management cluster
 */
export function moskVerdict(backup: KubeObject, keptKeys: ReadonlySet<string>): MoskVerdict {
  const { status = '', uploadedAt } = moskStatus(backup);
  const meaning = STATUSES[status];
  if (status === '') return { state: 'unfinished', reason: 'it says nothing of itself yet' };
  if (meaning === undefined) return { state: 'unknown', reason: `its status '${status}' is none that the documentation has` };
  if (meaning.state !== 'done') return { state: meaning.state, reason: meaning.says };
  if (moskDestination(backup) === undefined)
    return { state: 'local-only', reason: 'it is on a manager node of the cluster that it protects, and goes with it' };
  if (uploadedAt === undefined) return { state: 'local-only', reason: 'it says Completed and not that it was uploaded' };
  const key = parametersOf(backup).keyEncryptionKey;
  if (key !== undefined && !isKept(backup, key, keptKeys))
    return { state: 'key-in-cluster', reason: `it is encrypted with Secret ${key}, which is kept nowhere outside of the management cluster` };
  return { state: 'recovery-point', reason: key === undefined ? 'it is uploaded, and not encrypted' : 'it is uploaded, and its key is kept elsewhere too' };
}

function isKept({ metadata }: KubeObject, key: string, keptKeys: ReadonlySet<string>): boolean {
  return keptKeys.has(key) || keptKeys.has(`${metadata.namespace ?? ''}/${key}`);
}

/** Whether what is waited for after a ClusterBackup was created has come: `undefined` while it has not. */
export function moskTaken(backup: KubeObject): 'completed' | 'failed' | undefined {
  const state = STATUSES[moskStatus(backup).status ?? '']?.state;
  if (state === 'done') return 'completed';
  return state === 'unfinished' || moskStatus(backup).status === undefined ? undefined : 'failed';
}

/** How far the deletion of the remote copy is. */
export function moskDeletion(backup: KubeObject): 'not-asked' | 'under-way' | 'deleted' | 'failed' {
  const { status } = moskStatus(backup);
  if (status === 'Deleted') return 'deleted';
  if (backup.spec?.['delete'] !== true) return 'not-asked';
  return status === 'DeleteFailed' || status === 'Stuck' ? 'failed' : 'under-way';
}

/** A ClusterBackup that, once created, makes the management cluster take a backup. */
export function moskBackup(name: string, { namespace, upload }: Pick<PlanMosk, 'namespace' | 'upload'>, targetCluster: string): KubeObject {
  return {
    ...CLUSTER_BACKUP,
    metadata: { namespace, name },
    spec: { targetCluster, ...(upload === undefined ? {} : { parameters: upload }) },
  };
}

/** The backup that a new one of this name would meet: of the same name, or with a file that the new one would write over. */
export function moskCollision(name: string, existing: readonly KubeObject[]): string | undefined {
  const same = existing.find(({ metadata }) => metadata.name === name);
  if (same !== undefined) return `ClusterBackup ${same.metadata.namespace ?? ''}/${name} exists (${moskStatus(same).status ?? 'no status'})`;
  const isFile = (file: string): boolean => (file.split(/[:/]/).at(-1) ?? '').replace(/\.(encrypted|tar)$/g, '') === name;
  const other = existing.find((backup) => Object.values(moskStatus(backup).fileNames ?? {}).some(isFile));
  return other === undefined ? undefined : `ClusterBackup ${other.metadata.name} keeps a file of that name, which would be written over`;
}
