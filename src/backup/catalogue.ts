import type { JsonObject } from '../model/json.ts';
import type { Immutability } from './immutability.ts';
import type { BackupFacts } from './quick-verdict.ts';
import type { BackupVerdict } from './verdict.ts';

/**
 * What a recovery point is: a backup of a LatticeClusterBackup, of a single LatticeService, any other Velero backup, a snapshot of etcd, or a ClusterBackup of
 * MOSK.
 */
export type RecoveryPointKind = 'cluster' | 'service' | 'velero' | 'etcd' | 'mosk';

/** One line of the catalogue. */
export interface CatalogueEntry {
  readonly kind: RecoveryPointKind;
  readonly name: string;
  /** Store or place it lies in. */
  readonly store: string;
  /** ISO 8601; absent when its own files do not say. */
  readonly takenAt?: string;
  readonly sizeBytes: number;
  /** For people: `14 volumes, 312 objects`. */
  readonly covers: string;
  readonly immutability?: Immutability;
  /** When its data was last brought back, and by which run. */
  readonly tested?: { readonly at: string; readonly run: string };
  readonly verdict: BackupVerdict;
}

/** Reads recovery points of one kind: what `backup list` joins. Failures throw `DrError`. */
export interface CatalogueSource {
  /** What it reads, for a message that it could not: `store main`. */
  readonly name: string;
  list(signal: AbortSignal): Promise<readonly CatalogueEntry[]>;
}

/** Newest first; what has no time comes last. */
export function inOrder(entries: readonly CatalogueEntry[]): readonly CatalogueEntry[] {
  return entries.toSorted((a, b) => ((a.takenAt ?? '') < (b.takenAt ?? '') ? 1 : (a.takenAt ?? '') > (b.takenAt ?? '') ? -1 : a.name < b.name ? -1 : 1));
}

/** What a Velero backup holds, by its own files. */
export function coverageText({ resourceList, volumeInfo }: Pick<BackupFacts, 'resourceList' | 'volumeInfo'>): string {
  const objects = Object.values(resourceList ?? {}).reduce((sum, names) => sum + (names?.length ?? 0), 0);
  const claims = resourceList?.['v1/PersistentVolumeClaim']?.length ?? 0;
  const saved = new Set((volumeInfo ?? []).filter(hasData).map((info) => `${String(info['pvcNamespace'])}/${String(info['pvcName'])}`)).size;
  const without = Math.max(0, claims - saved);
  return `${saved} ${saved === 1 ? 'volume' : 'volumes'}${without === 0 ? '' : ` (${without} without data)`}, ${objects} objects`;
}

function hasData(info: JsonObject): boolean {
  return typeof info['pvcName'] === 'string' && info['skipped'] !== true && info['result'] !== 'failed';
}
