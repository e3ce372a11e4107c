import pLimit from 'p-limit';
import { type ExpiredBackup, expiredAt } from '../backup/expired-backup.ts';
import { VELERO_API, VELERO_NAMESPACE } from '../backup/location.ts';
import { backupsPrefix, locationName } from '../backup/velero-layout.ts';
import type { JsonObject } from '../model/json.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { StepPorts } from './ports.ts';
import { bucketPrefix } from './recovery/places.ts';
import { readBackupMetadata } from './recovery-points.ts';
import { objectStoreRef } from './schemas.ts';

export interface ExpiredIn {
  readonly cluster: KubeCluster;
  readonly ports: Pick<StepPorts, 'objectStores'>;
  /** Stores of the plan: of one that it names, the bucket is looked at too. */
  readonly backups: readonly PlanBackup[];
  readonly now: number;
  readonly signal: AbortSignal;
}

/** Backups read side by side. */
const READS_AT_A_TIME = 8;

/**
 * Backups of a location whose time is over, oldest first. Velero deletes them, with their volumes' snapshots, within the hour after the location becomes writable
 * (Velero 1.18 gc_controller.go). Those that its sync has not brought yet are read from the bucket: it would bring them, and then delete them.
 */
export async function expiredBackups(location: string, asked: ExpiredIn): Promise<readonly ExpiredBackup[]> {
  const known = (await asked.cluster.list({ apiVersion: VELERO_API, kind: 'Backup' }, { namespace: VELERO_NAMESPACE, signal: asked.signal })) ?? [];
  const ours = known.filter(({ spec }) => spec?.['storageLocation'] === location);
  const names = new Set(known.map(({ metadata }) => metadata.name));
  const inBucket = await unknownBackups(location, names, asked);
  return [...ours.map((backup) => ({ name: backup.metadata.name, backup })), ...inBucket]
    .flatMap(({ name, backup }) => {
      const at = expiredAt(backup, asked.now);
      return at === undefined ? [] : [{ backup: name, expiredAt: at }];
    })
    .toSorted((a, b) => (a.expiredAt < b.expiredAt ? -1 : 1));
}

interface StoredBackup {
  readonly name: string;
  readonly backup: JsonObject | undefined;
}

async function unknownBackups(location: string, known: ReadonlySet<string>, { ports, backups, signal }: ExpiredIn): Promise<readonly StoredBackup[]> {
  const section = backups.find(({ store }) => locationName(store) === location);
  if (section === undefined) return [];
  const root = backupsPrefix(bucketPrefix(section));
  const bucket = await ports.objectStores.open(objectStoreRef(section));
  const { prefixes } = await bucket.list({ prefix: root, delimiter: '/', signal });
  const names = prefixes.map((prefix) => prefix.slice(root.length).replace(/\/$/, '')).filter((name) => !known.has(name));
  const limit = pLimit({ concurrency: READS_AT_A_TIME, rejectOnClear: true });
  return await limit.map(names, async (name) => ({ name, backup: await readBackupMetadata(ports, section, { name, signal }) }));
}
