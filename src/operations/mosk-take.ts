import {
  CLUSTER_BACKUP,
  MKE_RESTORE_OUT_OF_SCOPE,
  type MoskVerdict,
  moskBackup,
  moskCollision,
  moskDestination,
  moskStatus,
  moskTaken,
  moskVerdict,
} from '../backup/mosk.ts';
import { DrError } from '../errors/dr-error.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { FIELD_MANAGER } from '../steps/platform-names.ts';
import { withLimit } from '../steps/wait.ts';
import type { LookTools } from './look-tools.ts';
import { type MoskCluster, moskBackups, openMosk } from './mosk-cluster.ts';
import type { TakeRequest } from './take-request.ts';

/** A ClusterBackup that was taken. */
export interface TakenMoskBackup {
  readonly kind: 'mosk';
  readonly name: string;
  readonly verdict: MoskVerdict;
  readonly destination: string;
  /** Names of the files, as the management cluster gives them. */
  readonly files: readonly string[];
  readonly startedAt: string;
  readonly uploadedAt: string;
  readonly note: string;
}

/**
 * Has the management cluster take a backup now, and waits until it is elsewhere. Throws `BACKUP_EXISTS` for a name that is taken, before anything is created;
 * `SECRET_SOURCE_MISSING` when it would be encrypted with a key that goes with the cluster; `BACKUP_FAILED`; `BACKUP_NOT_USABLE` for one that is no recovery point.
 */
export async function takeMoskBackup(request: TakeRequest, tools: LookTools): Promise<TakenMoskBackup> {
  const mosk = await openMosk(request.plan, tools);
  const name = request.name ?? `${mosk.target}-${stampOf(tools.clock.now())}`;
  assertKeyIsKept(mosk);
  const collision = moskCollision(name, await moskBackups(mosk, tools.signal));
  if (collision !== undefined) throw exists(name, collision);
  request.onProgress({ message: `asking ${mosk.cluster.server} for ClusterBackup ${mosk.mosk.namespace}/${name}` });
  await mosk.cluster.create(moskBackup(name, mosk.mosk, mosk.target), { fieldManager: FIELD_MANAGER, signal: tools.signal });
  const backup = await untilTaken(mosk, name, { request, tools });
  const verdict = moskVerdict(backup, mosk.keptKeys);
  if (verdict.state !== 'recovery-point')
    throw new DrError({
      code: 'BACKUP_NOT_USABLE',
      message: `ClusterBackup ${name} ended and is no recovery point: ${verdict.reason}`,
      suggestions: ['name a place for it under spec.mosk.upload of the plan, or in the backup section of the Cluster object'],
    });
  const { startedAt = '', uploadedAt = '', fileNames = {} } = moskStatus(backup);
  return {
    kind: 'mosk',
    name,
    verdict,
    destination: moskDestination(backup) ?? '',
    files: Object.values(fileNames),
    startedAt,
    uploadedAt,
    note: MKE_RESTORE_OUT_OF_SCOPE,
  };
}

/** `20260301031500` */
function stampOf(now: number): string {
  return new Date(now).toISOString().replace(/\D/g, '').slice(0, 14);
}

function exists(name: string, collision: string): DrError {
  return new DrError({
    code: 'BACKUP_EXISTS',
    message: `nothing was asked for: ${collision}`,
    details: { name },
    suggestions: ['take it under another name: --name NAME'],
  });
}

/** A backup that only the lost cluster can decrypt is none; that is said before the time is spent on it. */
function assertKeyIsKept({ mosk, keptKeys }: MoskCluster): void {
  const key = mosk.upload?.keyEncryptionKey;
  if (key === undefined || keptKeys.has(key) || keptKeys.has(`${mosk.namespace}/${key}`)) return;
  throw new DrError({
    code: 'SECRET_SOURCE_MISSING',
    message: `spec.mosk.upload.keyEncryptionKey names Secret ${mosk.namespace}/${key}, which is kept nowhere outside of the management cluster`,
    suggestions: [`put ${mosk.namespace}/${key} among spec.secrets[].required, or name the key and its custodians under spec.keys`],
  });
}

async function untilTaken(
  { cluster, mosk }: MoskCluster,
  name: string,
  { request, tools }: { readonly request: TakeRequest; readonly tools: LookTools },
): Promise<KubeObject> {
  await using live = await cluster.live(CLUSTER_BACKUP, { namespace: mosk.namespace });
  const find = (objects: ReadonlyMap<string, KubeObject>): KubeObject | undefined => [...objects.values()].find(({ metadata }) => metadata.name === name);
  let status = 'no status';
  const backup = await withLimit(tools, request.limitMs, {
    work: async (signal) =>
      await live.until((objects) => {
        const found = find(objects);
        if (found === undefined) return undefined;
        status = moskStatus(found).status ?? 'no status';
        request.onProgress({ message: `ClusterBackup ${name}: ${status}` });
        return moskTaken(found) === undefined ? undefined : found;
      }, signal),
    late: () =>
      new DrError({
        code: 'BACKUP_FAILED',
        message: `ClusterBackup ${name} is not done after ${request.limitMs / 60_000} min: ${status}`,
        suggestions: [`it goes on by itself: kubectl -n ${mosk.namespace} get clusterbackup ${name}`, 'wait longer: --limit DURATION'],
      }),
  });
  if (moskTaken(backup) === 'completed') return backup;
  throw new DrError({
    code: 'BACKUP_FAILED',
    message: `ClusterBackup ${name} ended ${status}`,
    details: { status },
    suggestions: [`kubectl -n ${mosk.namespace} describe clusterbackup ${name}`],
  });
}
