import type { JsonObject } from '../model/json.ts';
import { someOf } from '../model/some-of.ts';
import type { BackupFacts } from './quick-verdict.ts';
import type { TarballFacts } from './tarball.ts';
import { kindName } from './tarball-paths.ts';
import type { BackupFinding } from './verdict.ts';

/** All files of a backup that say something, read. `undefined`: missing or unreadable; `files` says which of the two. */
export interface VeleroFiles extends BackupFacts {
  readonly itemOperations: readonly JsonObject[] | undefined;
  readonly podVolumeBackups: readonly JsonObject[] | undefined;
  /** `<b>-results.gz`. */
  readonly results: JsonObject | undefined;
  /** When the tarball and the metadata were written, ISO 8601. */
  readonly tarballAt: string | undefined;
  readonly metadataAt: string | undefined;
  /** Files that are there and cannot be read as what they should be. */
  readonly unreadable: readonly string[];
}

interface VeleroStatus {
  readonly volumeSnapshotsAttempted?: number;
  readonly volumeSnapshotsCompleted?: number;
  readonly csiVolumeSnapshotsAttempted?: number;
  readonly csiVolumeSnapshotsCompleted?: number;
  readonly backupItemOperationsAttempted?: number;
  readonly backupItemOperationsCompleted?: number;
  readonly backupItemOperationsFailed?: number;
  readonly warnings?: number;
}

/** Dates in S3 are of whole seconds on some servers, and clocks of two uploads of one process do not differ by more. */
const SAME_TIME_MS = 2_000;
/** So many names are written out; the rest is counted. */
const NAMED = 5;

const bad = (check: BackupFinding['check'], message: string): BackupFinding => ({ severity: 'bad', check, message });
const warning = (check: BackupFinding['check'], message: string): BackupFinding => ({ severity: 'warning', check, message });

/** Findings in the small files of a backup. What `quickVerdict` refuses is not repeated. */
export function fileFindings(files: VeleroFiles): readonly BackupFinding[] {
  return [
    ...files.unreadable.map((file) => bad('files', `${file} cannot be read as what it should be`)),
    ...countFindings((files.metadata?.['status'] ?? {}) as VeleroStatus),
    ...operationFindings(files),
    ...(files.volumeInfo ?? []).flatMap(volumeFinding),
  ];
}

/** Numbers in the status that cannot be those of a complete backup. */
function countFindings(status: VeleroStatus): readonly BackupFinding[] {
  const pairs = [
    ['volume snapshots', status.volumeSnapshotsAttempted, status.volumeSnapshotsCompleted],
    ['CSI volume snapshots', status.csiVolumeSnapshotsAttempted, status.csiVolumeSnapshotsCompleted],
    ['item operations', status.backupItemOperationsAttempted, status.backupItemOperationsCompleted],
  ] as const;
  const short = pairs
    .filter(([, attempted = 0, completed = 0]) => completed !== attempted)
    .map(([what, attempted = 0, completed = 0]) => bad('volumes', `${completed} of ${attempted} ${what} were completed`));
  const failed = status.backupItemOperationsFailed ?? 0;
  const warned = status.warnings ?? 0;
  return [
    ...short,
    ...(failed > 0 ? [bad('operations', `${failed} item operations failed`)] : []),
    ...(warned > 0 ? [warning('metadata', `Velero gave ${warned} warnings when it was taken`)] : []),
  ];
}

/**
 * Operations that went on after the objects were written. Their finalizer uploads the metadata with `Completed` before the final tarball, so a crash in
 * between leaves `Completed` beside a tarball of before (Velero 1.18 pkg/controller/backup_finalizer_controller.go).
 */
function operationFindings({ itemOperations = [], tarballAt, metadataAt }: VeleroFiles): readonly BackupFinding[] {
  const open = itemOperations
    .filter((operation) => phaseOf(operation) !== 'Completed')
    .map((operation) => bad('operations', `an item operation is ${phaseOf(operation)}`));
  const isOlder = tarballAt !== undefined && metadataAt !== undefined && Date.parse(tarballAt) < Date.parse(metadataAt) - SAME_TIME_MS;
  return [
    ...open,
    ...(itemOperations.length > 0 && isOlder
      ? [bad('operations', `its tarball of ${tarballAt} is older than its metadata of ${metadataAt}: the final one was never uploaded`)]
      : []),
  ];
}

function phaseOf(operation: JsonObject): string {
  return String((operation['status'] as JsonObject | undefined)?.['phase'] ?? 'of no phase');
}

function volumeFinding(info: JsonObject): readonly BackupFinding[] {
  const claim = `${String(info['pvcNamespace'] ?? '')}/${String(info['pvcName'] ?? '')}`;
  if (info['result'] === 'failed') return [bad('volumes', `the volume of ${claim} failed`)];
  if (info['skipped'] === true) return [warning('volumes', `the volume of ${claim} is not in it: ${String(info['skippedReason'] ?? 'skipped')}`)];
  return [];
}

/** Findings in the tarball: whole, of a known layout, and holding exactly what the resource list names. */
export function tarballFindings(tarball: TarballFacts, resourceList: BackupFacts['resourceList']): readonly BackupFinding[] {
  if (tarball.fault !== undefined) return [bad('tarball', `its tarball cannot be read to its end: ${tarball.fault}`)];
  if (tarball.formatVersion === undefined) return [bad('tarball', 'its tarball has no metadata/version')];
  const listed = new Set(Object.entries(resourceList ?? {}).flatMap(([type, names]) => (names ?? []).map((name) => listedItem(type, name))));
  const missing = [...listed].filter((item) => !tarball.items.has(item));
  const added = [...tarball.items].filter((item) => !listed.has(item));
  return [
    ...(missing.length > 0
      ? [bad('resources', `its resource list names ${missing.length} objects that its tarball has not: ${someOf(missing.toSorted(), NAMED)}`)]
      : []),
    ...(added.length > 0
      ? [bad('resources', `its tarball has ${added.length} objects that its resource list does not name: ${someOf(added.toSorted(), NAMED)}`)]
      : []),
  ];
}

/** `apps/v1/Deployment` and `shop/web` as the tarball names it. */
function listedItem(type: string, name: string): string {
  const slash = type.lastIndexOf('/');
  return `${kindName(type.slice(0, slash), type.slice(slash + 1))} ${name}`;
}
