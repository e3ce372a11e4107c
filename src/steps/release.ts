import type { ExpiredBackup } from '../backup/expired-backup.ts';
import { judgeFreshness, type ScheduledScope, scheduledScope } from '../backup/fresh-backup.ts';
import { LOCATION_TYPE, VELERO_API, VELERO_NAMESPACE } from '../backup/location.ts';
import { DrError } from '../errors/dr-error.ts';
import type { Hold, HoldKind } from '../model/hold.ts';
import { isObject } from '../model/json.ts';
import type { KubeObject, ObjectRef } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { type ExpiredIn, expiredBackups } from './expired-backups.ts';
import { handOverFields, resumeGitOps } from './gitops-holds.ts';
import { handOverObject } from './hand-over.ts';
import { FIELD_MANAGER } from './platform-names.ts';
import type { BucketFaults } from './recovery/bucket-faults.ts';

const BACKUP_TYPE = { apiVersion: VELERO_API, kind: 'Backup' } as const;

/** Field manager of the platform's own controller, which makes a location of each BackupStore (backup_store_controller.rs): what it leaves out later must go. */
const STORE_CONTROLLER = 'lattice-backup-store-controller';

/** What a condition is asked of: the rebuilt cluster, and the stores of the plan. */
export interface ReleaseCondition extends ExpiredIn {
  /** When the run ended verified, ISO 8601. */
  readonly verifiedAt: string;
  /** Holds that will still be open when it is this one's turn. */
  readonly staying: readonly Hold[];
  readonly faultInBucket: BucketFaults;
}

/** What puts one kind of held thing back. Idempotent: a release that died is run again. */
export interface HoldReleaser {
  /** What it will do, for people. */
  describe(hold: Hold): string;
  /**
   * Asks the world what is missing before it may be put back, and how to come by it; `undefined` when nothing is. Absent for kinds that need nothing but the run's
   * verified end.
   */
  missing?(hold: Hold, asked: ReleaseCondition): Promise<string | undefined>;
  /** Backups that are lost by it, sooner or later; absent for kinds that lose none. */
  expires?(hold: Hold, asked: ReleaseCondition): Promise<readonly ExpiredBackup[]>;
  /** Puts it back on the rebuilt cluster. Throws what the server says. */
  release(hold: Hold, cluster: KubeCluster, signal: AbortSignal): Promise<void>;
}

/** The location that a hold keeps ReadOnly: its id ends with namespace and name, whoever put it aside. */
export function heldLocation(hold: Hold): ObjectRef {
  const [namespace = '', name = ''] = hold.id.split('/').slice(-2);
  return { ...LOCATION_TYPE, namespace, name };
}

/** The mode a location had: read from it when a step put it aside, or written in git. Without either it is Velero's default. */
function heldMode({ prior }: Hold): string {
  const object = prior['object'] as KubeObject | undefined;
  return String(prior['accessMode'] ?? object?.spec?.['accessMode'] ?? 'ReadWrite');
}

const makeWritable: HoldReleaser = {
  describe: (hold) => `${hold.subject}: becomes ${heldMode(hold)} again; the cluster may then write, and expire, backups there`,
  expires: async (hold, asked) => (heldMode(hold) === 'ReadOnly' ? [] : await expiredBackups(heldLocation(hold).name, asked)),
  async release(hold, cluster, signal) {
    const location = await cluster.mergePatch(heldLocation(hold), { spec: { accessMode: heldMode(hold) } }, { fieldManager: FIELD_MANAGER, signal });
    const isOfPlatform = (location.metadata.managedFields ?? []).some((entry) => isObject(entry) && entry['manager'] === STORE_CONTROLLER);
    if (isOfPlatform) await handOverObject(cluster, location, { manager: STORE_CONTROLLER, signal });
  },
};

const applyHeld: HoldReleaser = {
  describe: (hold) => `${hold.subject}: is applied as it stands in git`,
  async release(hold, cluster, signal) {
    const object = hold.prior['object'];
    if (object === undefined) throw new DrError({ code: 'BUG', message: `hold '${hold.id}' kept no object` });
    await cluster.apply(object as unknown as KubeObject, { fieldManager: FIELD_MANAGER, signal });
  },
};

const restoreReclaimPolicy: HoldReleaser = {
  describe: ({ subject, prior }) => `${subject}; becomes ${String(prior['policy'])} again`,
  async missing(hold, { cluster, signal }) {
    const volume = await cluster.get(heldVolume(hold), signal);
    // With Delete, a volume whose claim is gone loses its disk at once.
    if (volume === undefined || volume.status?.['phase'] === 'Bound' || hold.prior['policy'] !== 'Delete') return undefined;
    return `PersistentVolume ${volume.metadata.name} has no claim any more, and with reclaim policy Delete its bytes would go now; delete it by hand if nobody needs it`;
  },
  async release(hold, cluster, signal) {
    const volume = await cluster.get(heldVolume(hold), signal);
    if (volume === undefined) return;
    const patch = { metadata: { uid: volume.metadata.uid ?? '' }, spec: { persistentVolumeReclaimPolicy: String(hold.prior['policy']) } };
    await cluster.mergePatch(heldVolume(hold), patch, { fieldManager: FIELD_MANAGER, signal });
  },
};

function heldVolume({ prior }: Hold): ObjectRef {
  return { apiVersion: 'v1', kind: 'PersistentVolume', name: String(prior['volume']) };
}

/** Backups are kept apart per schedule, but Velero keeps few of each: a schedule that starts on bad data drives the good ones out. */
const startSchedule: HoldReleaser = {
  describe: (hold) => applyHeld.describe(hold),
  async missing({ prior }, { cluster, verifiedAt, signal, faultInBucket }) {
    const object = prior['object'] as KubeObject | undefined;
    const scope = object === undefined ? {} : scheduledScope(object);
    const backups = judgeFreshness((await cluster.list(BACKUP_TYPE, { namespace: VELERO_NAMESPACE, signal })) ?? [], { scope, since: verifiedAt });
    const faults: string[] = [];
    for (const { name, location, fault } of backups) {
      // The cluster says that it has written a backup; only the bucket can say that it is there.
      const bad = fault === undefined ? await faultInBucket({ name, location }) : undefined;
      if (fault === undefined && bad === undefined) return undefined;
      faults.push(`${name}, and ${fault ?? `it is bad in its bucket: ${bad ?? ''}`}`);
    }
    const seen = faults[0] === undefined ? 'there is none yet' : `the newest is ${faults[0]}`;
    return `no backup of ${scopeText(scope)} that this cluster began after ${verifiedAt} is Completed and whole in its bucket: ${seen}; take one with lattice-dr backup take, and release again`;
  },
  release: (hold, cluster, signal) => applyHeld.release(hold, cluster, signal),
};

function scopeText({ location, namespaces }: ScheduledScope): string {
  const what = namespaces === undefined ? 'all namespaces' : `namespaces ${namespaces.join(', ')}`;
  return location === undefined ? what : `${what} in location ${location}`;
}

/** Releasers by kind of hold. A kind without one is released by a person, and `release` says so. */
export const HOLD_RELEASERS: ReadonlyMap<HoldKind, HoldReleaser> = new Map([
  ['dns-provider', applyHeld],
  ['scheduled-job', applyHeld],
  ['reclaim-policy', restoreReclaimPolicy],
  ['backup-schedule', startSchedule],
  ['backup-location', makeWritable],
  ['field-owner', handOverFields],
  ['gitops', resumeGitOps],
]);
