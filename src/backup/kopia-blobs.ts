/**
 * Blobs of a Kopia repository that are never written over (Kopia `internal/epoch`, `repo/blob`): packs of data (`p`) and of metadata (`q`), the format
 * (`kopia.repository`) and its configuration (`kopia.blobcfg`). Indexes (`x`, `n`), logs, sessions and the maintenance schedule are rewritten every hour by
 * Velero's maintenance, so their loss says nothing.
 */
export function isLastingBlob(name: string): boolean {
  return isPack(name) || name === 'kopia.repository' || name === 'kopia.blobcfg' || name === 'kopia.repository.f' || name === 'kopia.blobcfg.f';
}

/**
 * Packs may go although what they held is still there: full maintenance, once a day, writes what is in packs that are less than 80 % full into new ones, and
 * deletes the old ones a day later (Kopia `repo/maintenance/maintenance_run.go`, runFullMaintenance).
 */
export function isPack(name: string): boolean {
  return /^[pq][0-9a-f]/.test(name);
}

/** Name of a blob, from its key `<namespace>/<name>`. */
export function blobName(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
