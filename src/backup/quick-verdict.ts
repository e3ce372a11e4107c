import type { JsonObject } from '../model/json.ts';

/** What a quick look at the bucket gives about one backup. Absent files are `undefined`. */
export interface BackupFacts {
  readonly name: string;
  /** Parsed `velero-backup.json`. */
  readonly metadata: JsonObject | undefined;
  readonly tarballBytes: number | undefined;
  /** Entries of `<b>-resource-list.json.gz` by `group/version/Kind`, namespaced ones as `ns/name`. */
  readonly resourceList: Readonly<Record<string, readonly string[] | null>> | undefined;
  /** Entries of `<b>-volumeinfo.json.gz`. */
  readonly volumeInfo: readonly JsonObject[] | undefined;
  /** Entries of `<b>-volumesnapshots.json.gz`: native snapshots and the location each is in. */
  readonly volumeSnapshots: readonly JsonObject[] | undefined;
}

/** A recovery point that may be restored from; a first verdict, not a proof of its content. */
export interface RecoveryPoint {
  readonly name: string;
  /** ISO 8601. */
  readonly completedAt: string;
  /** `namespace/name` of each claim the backup holds data of, sorted. */
  readonly volumes: readonly string[];
  /** Claims the backup names but holds no data of, with the reason: lost unless something else has them. */
  readonly withoutData: readonly { readonly claim: string; readonly reason: string }[];
  /** Names of the volume snapshot locations its volumes are in. */
  readonly snapshotLocations: readonly string[];
}

export type QuickVerdict =
  | { readonly usable: true; readonly point: RecoveryPoint }
  | { readonly usable: false; readonly name: string; readonly reason: string };

interface VeleroStatus {
  readonly phase?: string;
  readonly completionTimestamp?: string;
  readonly expiration?: string;
}

function refuse(name: string, reason: string): QuickVerdict {
  return { usable: false, name, reason };
}

function claimOf(info: JsonObject): string {
  return `${String(info['pvcNamespace'] ?? '')}/${String(info['pvcName'] ?? '')}`;
}

function hasData(info: JsonObject): boolean {
  return info['skipped'] !== true && info['result'] !== 'failed';
}

/** Splits the claims of a backup into those with data and those without. A claim in the resource list that volume info does not mention has none: Velero ends such a backup `Completed` without a warning. */
function volumesOf(facts: BackupFacts): Pick<RecoveryPoint, 'volumes' | 'withoutData' | 'snapshotLocations'> {
  // A volume without a claim cannot be brought back by its claim.
  const info = (facts.volumeInfo ?? []).filter((entry) => typeof entry['pvcName'] === 'string' && entry['pvcName'] !== '');
  const saved = info.filter(hasData);
  const savedClaims = new Set(saved.map(claimOf));
  const reasons = new Map(
    info.filter((entry) => !hasData(entry)).map((entry) => [claimOf(entry), String(entry['skippedReason'] ?? entry['result'] ?? 'skipped')]),
  );
  const listed = facts.resourceList?.['v1/PersistentVolumeClaim'] ?? [];
  const lost = listed.filter((claim) => !savedClaims.has(claim));
  const locations = (facts.volumeSnapshots ?? []).map((snapshot) => (snapshot['spec'] as JsonObject | undefined)?.['location']);
  return {
    volumes: [...savedClaims].sort(),
    withoutData: lost.map((claim) => ({ claim, reason: reasons.get(claim) ?? 'not in the volume information' })).sort((a, b) => (a.claim < b.claim ? -1 : 1)),
    snapshotLocations: [...new Set(locations.filter((name): name is string => typeof name === 'string'))].sort(),
  };
}

/** What a file of another version or hand may hold in place of a time is not one. */
function isTime(value: unknown): boolean {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

/**
 * Judges one backup by its own files: metadata parses and names itself, phase Completed (Velero 1.18 itself would restore a Failed one, restore_controller.go),
 * not expired at `now`, tarball present and not empty, resource list readable.
 */
export function quickVerdict(facts: BackupFacts, now: number): QuickVerdict {
  if (facts.metadata === undefined) return refuse(facts.name, 'velero-backup.json is missing or not JSON');
  const metadata = facts.metadata['metadata'] as JsonObject | undefined;
  if (metadata?.['name'] !== facts.name) return refuse(facts.name, `its metadata names backup '${String(metadata?.['name'])}'`);
  const { phase = 'none', completionTimestamp, expiration } = (facts.metadata['status'] ?? {}) as VeleroStatus;
  if (phase !== 'Completed') return refuse(facts.name, `phase is ${phase}`);
  if (completionTimestamp === undefined || !isTime(completionTimestamp))
    return refuse(facts.name, `it has no completion time (${String(completionTimestamp)})`);
  if (expiration !== undefined && !isTime(expiration)) return refuse(facts.name, `its expiration '${expiration}' is not a time`);
  if (expiration !== undefined && Date.parse(expiration) <= now) return refuse(facts.name, `it expired at ${expiration}`);
  if (facts.tarballBytes === undefined || facts.tarballBytes === 0) return refuse(facts.name, 'its tarball is missing or empty');
  if (facts.resourceList === undefined) return refuse(facts.name, 'its resource list is missing or unreadable');
  return { usable: true, point: { name: facts.name, completedAt: completionTimestamp, ...volumesOf(facts) } };
}
