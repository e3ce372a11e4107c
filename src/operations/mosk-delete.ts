import { CLUSTER_BACKUP, moskDeletion, moskDestination, moskStatus } from '../backup/mosk.ts';
import { seriesKey } from '../engine/kept-files.ts';
import type { StepProgress } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { FIELD_MANAGER } from '../steps/platform-names.ts';
import { withLimit } from '../steps/wait.ts';
import type { LookTools } from './look-tools.ts';
import { type MoskCluster, moskRef, openMosk } from './mosk-cluster.ts';

export interface DeleteRequest {
  readonly plan: LoadedPlan;
  readonly name: string;
  readonly limitMs: DurationMs;
  /** Asked with what would be destroyed, before anything is; false ends it with `GATE_DECLINED`. */
  readonly confirm: (name: string, destroys: readonly string[]) => Promise<boolean>;
  readonly onProgress: (progress: StepProgress) => void;
}

/** A backup that is gone, from its remote storage and from the management cluster. */
export interface DeletedBackup {
  readonly name: string;
  readonly destination: string;
  readonly files: readonly string[];
  readonly deletedAt: string;
}

/**
 * Deletes a ClusterBackup in the one order that takes its files away: asks for the deletion of the remote copy, waits until that is Deleted, then removes the
 * object. The object alone, removed first, leaves the files where they are with nobody who knows of them. May be called again wherever it was stopped: what is
 * asked for is not asked again, and an object that is not Deleted is never removed.
 *
 * Throws `GATE_DECLINED`, `KUBE_NOT_FOUND`, `BACKUP_NOT_DELETED`.
 */
export async function deleteMoskBackup(request: DeleteRequest, store: RunStore, tools: LookTools): Promise<DeletedBackup> {
  const mosk = await openMosk(request.plan, tools);
  const ref = moskRef(mosk, request.name);
  const backup = await mosk.cluster.get(ref, tools.signal);
  if (backup === undefined) throw new DrError({ code: 'KUBE_NOT_FOUND', message: `there is no ClusterBackup ${mosk.mosk.namespace}/${request.name}` });
  assertRemoteFirst(backup);
  const what = { name: request.name, destination: moskDestination(backup) ?? 'a manager node of the cluster', files: filesOf(backup) };
  const destroys = [...what.files.map((file) => `${file} in ${what.destination}`), `ClusterBackup ${mosk.mosk.namespace}/${request.name}`];
  if (!(await request.confirm(request.name, destroys))) throw new DrError({ code: 'GATE_DECLINED', message: 'nothing was deleted' });
  await record(store, { cluster: mosk.target, backup, at: new Date(tools.clock.now()).toISOString() });
  if (moskDeletion(backup) === 'not-asked') {
    const precondition = { uid: backup.metadata.uid ?? '', resourceVersion: backup.metadata.resourceVersion ?? '' };
    await mosk.cluster.mergePatch(ref, { metadata: precondition, spec: { delete: true } }, { fieldManager: FIELD_MANAGER, signal: tools.signal });
  }
  const deleted = await untilDeleted(mosk, request, tools);
  await mosk.cluster.delete(ref, { uid: deleted.metadata.uid ?? '', signal: tools.signal });
  await untilGone(mosk, deleted, tools);
  return { ...what, deletedAt: String(deleted.status?.['deletedAt'] ?? '') };
}

function filesOf(backup: KubeObject): readonly string[] {
  return Object.values(moskStatus(backup).fileNames ?? {});
}

/** Somebody has removed the object already, and only its finalizer keeps it: asking for the remote copy now would come too late. */
function assertRemoteFirst(backup: KubeObject): void {
  if (backup.metadata.deletionTimestamp === undefined || moskDeletion(backup) !== 'not-asked') return;
  throw new DrError({
    code: 'BACKUP_NOT_DELETED',
    message: `ClusterBackup ${backup.metadata.name} is being removed without spec.delete: its files (${filesOf(backup).join(', ') || 'unknown'}) stay in ${moskDestination(backup) ?? 'the cluster'}`,
    suggestions: ['delete the files by hand, where they are; nothing will know of them once the object is gone'],
  });
}

/** What is about to be destroyed, on record before it is: once it has gone, nothing else tells of it. */
async function record(store: RunStore, { cluster, backup, at }: { readonly cluster: string; readonly backup: KubeObject; readonly at: string }): Promise<void> {
  const { name, namespace = '', uid = '' } = backup.metadata;
  const text = JSON.stringify({ at, backup: `${namespace}/${name}`, uid, spec: backup.spec ?? {}, status: backup.status ?? {} }, undefined, 2);
  const key = seriesKey('deleted-backups', { cluster, at });
  if (await store.putIfAbsent(key, Buffer.from(`${text}\n`))) return;
  throw new DrError({
    code: 'STORE_FAILED',
    message: `'${key}' exists already in '${store.location}'; nothing was deleted`,
    suggestions: ['run the command again'],
  });
}

/** The management cluster takes its finalizer off within seconds; an object that stays is said, and its files are gone all the same. */
const GONE_LIMIT_MS = 60_000;

async function untilGone({ cluster, mosk }: MoskCluster, { metadata }: KubeObject, tools: LookTools): Promise<void> {
  await using live = await cluster.live(CLUSTER_BACKUP, { namespace: mosk.namespace });
  await withLimit(tools, GONE_LIMIT_MS, {
    work: async (signal) =>
      await live.until((objects) => ([...objects.values()].every(({ metadata: { uid } }) => uid !== metadata.uid) ? true : undefined), signal),
    late: () =>
      new DrError({
        code: 'BACKUP_NOT_DELETED',
        message: `the remote copy of ClusterBackup ${metadata.name} is Deleted, but its object is kept by a finalizer (${(metadata.finalizers ?? []).join(', ')})`,
        suggestions: ['look at the management cluster: nothing of the backup is left but this object'],
      }),
  });
}

const UNSEEN = 'not seen';

function vanished(name: string, status: string): DrError {
  return new DrError({
    code: 'BACKUP_NOT_DELETED',
    message: `somebody removed ClusterBackup ${name} while its remote copy was ${status}: whether its files are gone cannot be told any more`,
    suggestions: ['look for the files where they were; the record of the deletion in the run state names them'],
  });
}

async function untilDeleted({ cluster, mosk }: MoskCluster, request: DeleteRequest, tools: LookTools): Promise<KubeObject> {
  const { name, limitMs, onProgress } = request;
  await using live = await cluster.live(CLUSTER_BACKUP, { namespace: mosk.namespace });
  let status = UNSEEN;
  const late = (): DrError =>
    new DrError({
      code: 'BACKUP_NOT_DELETED',
      message: `the remote copy of ClusterBackup ${name} is not Deleted after ${limitMs / 60_000} min: ${status}; the object was kept`,
      suggestions: ['run the command again: it goes on from here', `kubectl -n ${mosk.namespace} describe clusterbackup ${name}`],
    });
  return await withLimit(tools, limitMs, {
    work: async (signal) =>
      await live.until((objects) => {
        const backup = [...objects.values()].find(({ metadata }) => metadata.name === name);
        if (backup === undefined && status !== UNSEEN) throw vanished(name, status);
        if (backup === undefined) return undefined;
        status = moskStatus(backup).status ?? 'no status';
        onProgress({ message: `ClusterBackup ${name}: ${status}` });
        const deletion = moskDeletion(backup);
        if (deletion === 'failed') throw late();
        return deletion === 'deleted' ? backup : undefined;
      }, signal),
    late,
  });
}
