import { createHash } from 'node:crypto';

/** Length of the SHA-256 that etcd appends to a snapshot it streams, in bytes (`client/v3/maintenance.go`, `SnapshotWithVersion`). */
const HASH_BYTES = 32;
/** The database before it is whole pages of at least this size, so a snapshot is told from a raw copy by the rest (`etcdutl/snapshot/v3_snapshot.go`, `hasChecksum`). */
const SECTOR_BYTES = 512;

/** What the bytes of a snapshot file say of themselves. */
export interface SnapshotFileFacts {
  readonly sizeBytes: number;
  /** SHA-256 of the whole file, hex. */
  readonly sha256: string;
  /** `equal`: the appended hash is that of the bytes before it; `absent`: the file ends with whole pages, as a copy of a member's `snap/db` does. */
  readonly ownHash: 'equal' | 'differs' | 'absent';
}

/** Reads a snapshot once, in bounded memory. `etcdutl snapshot status` looks at neither hash; only a restore does. */
export async function readSnapshotFile(chunks: AsyncIterable<Uint8Array>): Promise<SnapshotFileFacts> {
  const body = createHash('sha256');
  let tail: Uint8Array = new Uint8Array();
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    const pending = Buffer.concat([tail, chunk]);
    const cut = Math.max(0, pending.length - HASH_BYTES);
    body.update(pending.subarray(0, cut));
    tail = pending.subarray(cut);
  }
  const sha256 = body.copy().update(tail).digest('hex');
  if (sizeBytes % SECTOR_BYTES !== HASH_BYTES) return { sizeBytes, sha256, ownHash: 'absent' };
  return { sizeBytes, sha256, ownHash: body.digest().equals(tail) ? 'equal' : 'differs' };
}
