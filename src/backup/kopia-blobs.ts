/**
 * Blobs of a Kopia repository that are written once and needed as long as what they hold is (Kopia `internal/epoch`, `repo/blob`): packs of data (`p`) and of
 * metadata (`q`), the format (`kopia.repository`) and its configuration (`kopia.blobcfg`). Indexes (`x`, `n`), logs, sessions and the maintenance schedule are
 * rewritten every hour by Velero's maintenance, so their loss says nothing.
 */
export function isLastingBlob(name: string): boolean {
  return /^[pq][0-9a-f]/.test(name) || name === 'kopia.repository' || name === 'kopia.blobcfg' || name === 'kopia.repository.f' || name === 'kopia.blobcfg.f';
}
