import { createHash, type Hash } from 'node:crypto';

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

/** Takes the bytes of a snapshot in order, as they come, and tells in the end what they are. Memory is bounded. */
export class SnapshotReader {
  readonly #body: Hash = createHash('sha256');
  #tail: Uint8Array = new Uint8Array();
  #size = 0;

  add(chunk: Uint8Array): void {
    this.#size += chunk.length;
    // All but the last 32 bytes so far: they may be the appended hash.
    const whole = chunk.length >= HASH_BYTES ? chunk.subarray(0, chunk.length - HASH_BYTES) : new Uint8Array();
    if (chunk.length >= HASH_BYTES) {
      this.#body.update(this.#tail).update(whole);
      this.#tail = Buffer.from(chunk.subarray(chunk.length - HASH_BYTES));
      return;
    }
    const pending = Buffer.concat([this.#tail, chunk]);
    const cut = Math.max(0, pending.length - HASH_BYTES);
    this.#body.update(pending.subarray(0, cut));
    this.#tail = pending.subarray(cut);
  }

  end(): SnapshotFileFacts {
    const sizeBytes = this.#size;
    const sha256 = this.#body.copy().update(this.#tail).digest('hex');
    if (sizeBytes % SECTOR_BYTES !== HASH_BYTES) return { sizeBytes, sha256, ownHash: 'absent' };
    return { sizeBytes, sha256, ownHash: this.#body.digest().equals(this.#tail) ? 'equal' : 'differs' };
  }
}

/** Reads a snapshot once. `etcdutl snapshot status` looks at neither hash; only a restore does. */
export async function readSnapshotFile(chunks: AsyncIterable<Uint8Array>): Promise<SnapshotFileFacts> {
  const reader = new SnapshotReader();
  for await (const chunk of chunks) reader.add(chunk);
  return reader.end();
}
