import { VELERO_API, VELERO_NAMESPACE } from '../backup/location.ts';
import { BACKUP_TYPE, backupFailure, backupPhase, backupProgress, isBackupOver, isBackupTakenUp } from '../backup/velero-backup.ts';
import type { StepContext } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import type { KubeCluster, LiveSet } from '../ports/kube-cluster.ts';
import { withLimit } from './wait.ts';

/** What moves bytes of volumes: copies by the node agent, and uploads of snapshots. Not every Velero serves both. */
const MOVERS: readonly ResourceType[] = [
  { apiVersion: VELERO_API, kind: 'PodVolumeBackup' },
  { apiVersion: 'velero.io/v2alpha1', kind: 'DataUpload' },
];
/** Velero takes a Backup up within seconds, unless others are under way; one that nobody has looked at for this long is looked at by nobody. */
const TAKE_UP_LIMIT_MS = 5 * 60_000;

type Ctx = Pick<StepContext<unknown, unknown>, 'clock' | 'signal' | 'progress'>;

/**
 * Waits until Velero has ended a Backup and tells how far it is, in items and in bytes. Gives the Backup when it is Completed. Throws `BACKUP_FAILED` for every
 * other end, and when Velero does not take it up or does not end it within the limit; the Backup goes on by itself then.
 */
export async function followBackup(
  cluster: KubeCluster,
  name: string,
  { limitMs, ctx }: { readonly limitMs: DurationMs; readonly ctx: Ctx },
): Promise<KubeObject> {
  await using resources = new AsyncDisposableStack();
  const backups = resources.use(await cluster.live(BACKUP_TYPE, { namespace: VELERO_NAMESPACE }));
  const movers = await openMovers(cluster, name, { resources, signal: ctx.signal });
  const find = finder(name);
  await withLimit(ctx, TAKE_UP_LIMIT_MS, {
    work: async (signal) => await backups.until((objects) => (isTakenUp(find(objects)) || isBusy(objects, name) ? true : undefined), signal),
    late: () => failed(name, `Velero has not taken it up within ${TAKE_UP_LIMIT_MS / 60_000} min`),
  });
  const backup = await withLimit(ctx, limitMs, {
    work: async (signal) =>
      await backups.until((objects) => {
        const found = find(objects);
        if (found === undefined) return undefined;
        tell(found, movers, ctx);
        return isBackupOver(found) ? found : undefined;
      }, signal),
    late: () => failed(name, `it is not done after ${limitMs / 60_000} min and goes on by itself`),
  });
  if (backupPhase(backup) === 'Completed') return backup;
  throw failed(name, `it ended ${backupPhase(backup)}: ${backupFailure(backup)}`);
}

async function openMovers(
  cluster: KubeCluster,
  name: string,
  { resources, signal }: { readonly resources: AsyncDisposableStack; readonly signal: AbortSignal },
): Promise<readonly LiveSet[]> {
  const served: LiveSet[] = [];
  for (const type of MOVERS) {
    if ((await cluster.resource(type, signal)) === undefined) continue;
    served.push(resources.use(await cluster.live(type, { namespace: VELERO_NAMESPACE, labelSelector: `velero.io/backup-name=${name}` })));
  }
  return served;
}

function tell(backup: KubeObject, movers: readonly LiveSet[], ctx: Ctx): void {
  const { items, bytes } = backupProgress(
    backup,
    movers.flatMap(({ objects }) => [...objects.values()]),
  );
  const message = `Velero backup ${backup.metadata.name}: ${backupPhase(backup)}`;
  if (bytes.total > 0) ctx.progress({ message, ...bytes, unit: 'bytes' });
  else ctx.progress({ message, ...items, unit: 'objects' });
}

/** Finds the Backup; `undefined` before it shows, and an error once it has shown and is gone. */
function finder(name: string): (objects: ReadonlyMap<string, KubeObject>) => KubeObject | undefined {
  let seen = false;
  return (objects) => {
    const backup = [...objects.values()].find(({ metadata }) => metadata.name === name);
    if (backup === undefined && seen) throw failed(name, 'somebody removed it while it was waited for');
    seen = backup !== undefined;
    return backup;
  };
}

function isTakenUp(backup: KubeObject | undefined): boolean {
  return backup !== undefined && isBackupTakenUp(backup);
}

/** Another one is under way, and ours waits for it. */
function isBusy(objects: ReadonlyMap<string, KubeObject>, name: string): boolean {
  return [...objects.values()].some((backup) => backup.metadata.name !== name && isBackupTakenUp(backup) && !isBackupOver(backup));
}

function failed(name: string, why: string): DrError {
  return new DrError({
    code: 'BACKUP_FAILED',
    message: `backup '${name}': ${why}`,
    suggestions: [`kubectl -n ${VELERO_NAMESPACE} describe backup ${name}`, `kubectl -n ${VELERO_NAMESPACE} logs deploy/velero`],
  });
}
