import type { BackupFinding } from './verdict.ts';

/** An object of a backup with its history. */
export interface DatedObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** ISO 8601, of the current version. */
  readonly lastModified: string;
  /** Times of older versions, newest first; empty where the bucket keeps none. */
  readonly earlier: readonly string[];
}

/** An object whose newest version is a deletion, while older versions may be left. */
export interface DeletedObject {
  readonly key: string;
  readonly deletedAt: string;
}

/** Velero uploads everything within moments of the completion time it writes down; a large tarball takes longer, and S3 dates an object by when it was whole or begun. */
const MARGIN_MS = 15 * 60_000;
/** The slowest line on which an upload is taken for one: 1 MB/s. */
const SLOWEST_BYTES_PER_MS = 1_000;

/**
 * Finds objects that were written long after the backup was complete. Two versions are normal (the finalizer writes the metadata again: Velero 1.18
 * pkg/controller/backup_finalizer_controller.go), a late one is not. Where every object is late and none has an earlier version, the whole backup was copied here.
 */
export function overwriteFindings(objects: readonly DatedObject[], deleted: readonly DeletedObject[], completedAt: string): readonly BackupFinding[] {
  const completed = Date.parse(completedAt);
  const late = objects.filter(({ lastModified, sizeBytes }) => Date.parse(lastModified) > completed + MARGIN_MS + sizeBytes / SLOWEST_BYTES_PER_MS);
  const isCopy = late.length === objects.length && late.every(({ earlier }) => earlier.length === 0);
  const gone = deleted.map(
    ({ key, deletedAt }): BackupFinding => ({ severity: 'bad', check: 'overwrite', message: `${key} was deleted at ${deletedAt}; older versions may be left` }),
  );
  if (late.length === 0) return gone;
  if (isCopy)
    return [
      ...gone,
      {
        severity: 'warning',
        check: 'overwrite',
        message: `all of it was written at ${late[0]?.lastModified ?? ''} or later, after it was complete (${completedAt}): a copy`,
      },
    ];
  return [
    ...gone,
    ...late.map(({ key, lastModified, earlier }): BackupFinding => {
      const before = earlier[0] === undefined ? '' : `, over a version of ${earlier[0]}`;
      return {
        severity: 'bad',
        check: 'overwrite',
        message: `${key} was written at ${lastModified}, long after the backup was complete (${completedAt})${before}`,
      };
    }),
  ];
}
