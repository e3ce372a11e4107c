import { LOCATION_TYPE, VELERO_NAMESPACE } from '../../backup/location.ts';
import { locationName } from '../../backup/velero-layout.ts';
import { isObject } from '../../model/json.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { StepPorts } from '../ports.ts';
import { judgeBackup } from './judge-backup.ts';
import type { Seals } from './seals.ts';

/** A backup by its name, and the BackupStorageLocation that its cluster wrote it to. */
export interface WrittenBackup {
  readonly name: string;
  readonly location: string;
}

/** What its bucket says against a backup; `undefined` when that is nothing, or nobody here can ask that bucket. */
export type BucketFaults = (backup: WrittenBackup) => Promise<string | undefined>;

export interface BucketFaultsOptions {
  /** Cluster that has the locations. */
  readonly cluster: KubeCluster;
  readonly ports: Pick<StepPorts, 'objectStores'>;
  /** Stores of the plan: only what lies in one of them can be read. */
  readonly backups: readonly PlanBackup[];
  readonly seals: Seals;
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * Judges backups that a cluster calls Completed from their buckets, each once, as `backup verify` does without git, which cannot make a backup bad. Throws
 * `S3_FAILED`, `S3_UNAVAILABLE`.
 */
export function createBucketFaults(options: BucketFaultsOptions): BucketFaults {
  const asked = new Map<string, Promise<string | undefined>>();
  return async (backup) => {
    const key = `${backup.location}/${backup.name}`;
    const answer = asked.get(key) ?? faultOf(backup, options);
    asked.set(key, answer);
    return await answer;
  };
}

async function faultOf({ name, location }: WrittenBackup, { ports, seals, now, signal, ...options }: BucketFaultsOptions): Promise<string | undefined> {
  const section = await sectionOf(location, { ...options, signal });
  if (section === undefined) return undefined;
  const { verdict } = await judgeBackup(ports, section, { name, now, seals, signal, read: 'enough' });
  return verdict.state === 'bad' ? verdict.reasons.join('; ') : undefined;
}

/** The plan's store that a location lies in, at the prefix where this cluster writes: the plan's own prefix is where the old cluster wrote. */
async function sectionOf(
  location: string,
  { cluster, backups, signal }: Pick<BucketFaultsOptions, 'cluster' | 'backups' | 'signal'>,
): Promise<PlanBackup | undefined> {
  const section = backups.find(({ store }) => locationName(store) === location);
  if (section === undefined) return undefined;
  const place = (await cluster.get({ ...LOCATION_TYPE, namespace: VELERO_NAMESPACE, name: location }, signal))?.spec?.['objectStorage'];
  if (!isObject(place)) return section;
  if (place['bucket'] !== section.bucket) return undefined;
  return { ...section, prefix: typeof place['prefix'] === 'string' ? place['prefix'] : '' };
}
