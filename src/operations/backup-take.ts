import { LOCATION_TYPE, VELERO_API, VELERO_NAMESPACE } from '../backup/location.ts';
import { BACKUP_TYPE, backupOfNamespaces, backupOfSchedule, stampedName } from '../backup/velero-backup.ts';
import { backupKeys, locationName, scheduleName } from '../backup/velero-layout.ts';
import { DrError } from '../errors/dr-error.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import { planCluster } from '../model/plan/cluster.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { askParent, findCluster } from '../steps/find-cluster.ts';
import { followBackup } from '../steps/follow-backup.ts';
import { FIELD_MANAGER } from '../steps/platform-names.ts';
import { objectStoreRef } from '../steps/schemas.ts';
import type { LookTools } from './look-tools.ts';
import type { TakeRequest } from './take-request.ts';

/** What is to be saved now. */
export interface VeleroTakeRequest extends TakeRequest {
  readonly kubeconfig?: string;
  /** A LatticeClusterBackup: what its schedule saves, now; or namespaces, into a store. */
  readonly what: { readonly clusterBackup: string } | { readonly namespaces: readonly string[]; readonly store: string; readonly ttl?: string };
}

/** A backup that is Completed and was proven from the bucket. */
export interface TakenBackup<P> {
  readonly kind: 'velero';
  readonly name: string;
  readonly store: string;
  /** ISO 8601. */
  readonly completedAt: string;
  readonly warnings: number;
  /** What the bucket itself says, and the seal that was put on it. */
  readonly proof: P;
}

interface WantedBackup {
  readonly object: KubeObject;
  readonly store: PlanBackup;
}

/** Names that nobody chose have the second in them. */
const STAMP_MS = 1_000;
const NAMES_AT_MOST = 3;

/** Proves a backup from the bucket alone and seals it. */
export type ProveBackup<P> = (backup: { readonly name: string; readonly store: string }) => Promise<P>;

/**
 * Takes a Velero backup now, waits for its end, proves it from the bucket and seals it. The name is looked for on the cluster and in every bucket of the plan
 * first: Velero compares backups by name alone, and a second one of a name hides the first (Velero 1.18 backup_sync_controller.go). Throws `BACKUP_EXISTS`,
 * `BACKUP_FAILED`, `BACKUP_LOCATION_UNAVAILABLE`, `KUBE_UNAVAILABLE`, and what `prove` throws.
 */
export async function takeBackup<P>(request: VeleroTakeRequest, prove: ProveBackup<P>, tools: LookTools): Promise<TakenBackup<P>> {
  const cluster = await openCluster(request, tools);
  const { object, store } = await freeBackup(cluster, request, tools);
  const { name } = object.metadata;
  await assertWritable(cluster, store, tools.signal);
  request.onProgress({ message: `asking Velero on ${cluster.server} for backup ${name}` });
  await cluster.create(object, { fieldManager: FIELD_MANAGER, signal: tools.signal });
  const backup = await followBackup(cluster, name, {
    limitMs: request.limitMs,
    ctx: { clock: tools.clock, signal: tools.signal, progress: request.onProgress },
  });
  request.onProgress({ message: `proving ${name} from its bucket` });
  const proof = await prove({ name, store: store.store });
  return {
    kind: 'velero',
    name,
    store: store.store,
    completedAt: String(backup.status?.['completionTimestamp'] ?? ''),
    warnings: Number(backup.status?.['warnings'] ?? 0),
    proof,
  };
}

async function openCluster({ plan, kubeconfig }: VeleroTakeRequest, tools: LookTools): Promise<KubeCluster> {
  const section = planCluster.parse(plan.values['cluster']);
  const { parent } = await askParent(section, tools);
  const given = kubeconfig === undefined ? {} : { given: { kubeconfigPath: kubeconfig } };
  const reached = await findCluster(section, { parent, ...given }, tools);
  if (reached.cluster !== undefined) return reached.cluster;
  throw new DrError({
    code: 'KUBE_UNAVAILABLE',
    message: `cluster '${section.name}' does not answer: ${reached.unreachable}`,
    suggestions: ['name its kubeconfig with --kubeconfig FILE'],
  });
}

/** What is to be made, under a name that nothing has. One that nobody chose is taken when the schedule, or another take, was there in the same second. */
async function freeBackup(cluster: KubeCluster, request: VeleroTakeRequest, tools: LookTools): Promise<WantedBackup> {
  for (let attempt = 1; ; attempt += 1) {
    const wanted = await wantedBackup(cluster, request, tools);
    const { name } = wanted.object.metadata;
    const places = await placesWith(cluster, name, { request, tools });
    if (places.length === 0) return wanted;
    if (request.name !== undefined || attempt === NAMES_AT_MOST) throw nameTaken(name, places);
    await tools.clock.sleep(STAMP_MS, tools.signal);
  }
}

async function wantedBackup(cluster: KubeCluster, { what, name, plan }: VeleroTakeRequest, { clock, signal }: LookTools): Promise<WantedBackup> {
  const stores = plan.plan.spec.backups;
  if ('namespaces' in what) {
    const store = storeIn(stores, what.store);
    const location = locationName(what.store);
    return { object: backupOfNamespaces(name ?? stampedName(`manual-${plan.plan.spec.cluster.name}`, clock.now()), { ...what, location }), store };
  }
  const schedule = scheduleName(what.clusterBackup);
  const found = await cluster.get({ apiVersion: VELERO_API, kind: 'Schedule', namespace: VELERO_NAMESPACE, name: schedule }, signal);
  if (found === undefined) {
    throw new DrError({
      code: 'KUBE_NOT_FOUND',
      message: `there is no Velero Schedule ${schedule}: LatticeClusterBackup '${what.clusterBackup}' does not exist or the platform has made nothing of it`,
      suggestions: ['lattice-dr backup coverage says what is wrong with it'],
    });
  }
  const object = backupOfSchedule(found, name ?? stampedName(schedule, clock.now()));
  const location = String(object.spec?.['storageLocation'] ?? '');
  return { object, store: storeIn(stores, location.replace(/^lattice-/, '')) };
}

function storeIn(stores: readonly PlanBackup[], name: string): PlanBackup {
  const store = stores.find((candidate) => candidate.store === name);
  if (store !== undefined) return store;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `the backup goes to store '${name}', which the plan does not name: it could not be proven from the bucket`,
    suggestions: [`add it under spec.backups (there are: ${stores.map((candidate) => candidate.store).join(', ') || 'none'})`],
  });
}

/** Where a backup of a name is. */
async function placesWith(
  cluster: KubeCluster,
  name: string,
  { request, tools }: { readonly request: VeleroTakeRequest; readonly tools: LookTools },
): Promise<readonly string[]> {
  const places: string[] = [];
  if ((await cluster.get({ ...BACKUP_TYPE, namespace: VELERO_NAMESPACE, name }, tools.signal)) !== undefined) places.push(`on ${cluster.server}`);
  for (const section of request.plan.plan.spec.backups) {
    const store = await tools.ports.objectStores.open(objectStoreRef(section));
    const { directory } = backupKeys(section.prefix ?? locationName(section.store), name);
    const { objects } = await store.list({ prefix: directory, signal: tools.signal });
    if (objects.length > 0) places.push(`in ${section.bucket}/${directory}`);
  }
  return places;
}

function nameTaken(name: string, places: readonly string[]): DrError {
  return new DrError({
    code: 'BACKUP_EXISTS',
    message: `nothing was asked for: backup '${name}' exists ${places.join(' and ')}`,
    details: { name, places: [...places] },
    suggestions: ['take it under another name: --name NAME'],
  });
}

/** Velero refuses a Backup into a location that it cannot reach or may not write to, after a while and in the Backup's status only. */
async function assertWritable(cluster: KubeCluster, { store }: PlanBackup, signal: AbortSignal): Promise<void> {
  const name = locationName(store);
  const location = await cluster.get({ ...LOCATION_TYPE, namespace: VELERO_NAMESPACE, name }, signal);
  const phase = String(location?.status?.['phase'] ?? 'absent');
  const mode = String(location?.spec?.['accessMode'] ?? 'ReadWrite');
  if (phase === 'Available' && mode === 'ReadWrite') return;
  throw new DrError({
    code: 'BACKUP_LOCATION_UNAVAILABLE',
    message: `nothing was asked for: BackupStorageLocation ${name} is ${mode === 'ReadOnly' ? 'ReadOnly' : `${phase}: ${String(location?.status?.['message'] ?? 'no message')}`}`,
    suggestions:
      mode === 'ReadOnly' ? ['a recovery holds it: lattice-dr holds, then release'] : ['lattice-dr backup coverage says what is wrong with the store'],
  });
}
