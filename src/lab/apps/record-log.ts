import { createHash } from 'node:crypto';
import { open, readFile, truncate } from 'node:fs/promises';
import { isMissingFile } from '../file-errors.ts';

/** Length (4 bytes, big-endian) and SHA-256 before the bytes of each record. */
const LENGTH_BYTES = 4;
const HEAD_BYTES = LENGTH_BYTES + 32;

/** What is sound in a log: everything before the first record that is cut short or whose bytes are not those of its checksum. */
export interface RecordLog {
  /** Bytes of each record. */
  readonly records: readonly Buffer[];
  /** Where the sound part ends. */
  readonly soundBytes: number;
  readonly totalBytes: number;
}

/** Reads a log from its beginning; one that does not exist is empty. */
export async function readLog(path: string): Promise<RecordLog> {
  const content = await readFile(path).catch((error: unknown) => {
    if (isMissingFile(error)) return Buffer.alloc(0);
    throw error;
  });
  const records: Buffer[] = [];
  let at = 0;
  while (at + HEAD_BYTES <= content.length) {
    const end = at + HEAD_BYTES + content.readUInt32BE(at);
    const record = content.subarray(at + HEAD_BYTES, end);
    if (end > content.length || !sha256(record).equals(content.subarray(at + LENGTH_BYTES, at + HEAD_BYTES))) break;
    records.push(record);
    at = end;
  }
  return { records, soundBytes: at, totalBytes: content.length };
}

/** Appends a record and returns once it is on the disk. */
export async function appendRecord(path: string, record: Buffer): Promise<void> {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(record.length);
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(Buffer.concat([length, sha256(record), record]));
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Cuts off what is behind the sound part: the record that was being written when the copy was made, or the power went. */
export async function cutTornEnd(path: string, { soundBytes, totalBytes }: RecordLog): Promise<void> {
  if (soundBytes < totalBytes) await truncate(path, soundBytes);
}

/** Checksum of each record, `sha256:<hex>`. */
export function recordChecksums(records: readonly Buffer[]): readonly string[] {
  return records.map((record) => `sha256:${sha256(record).toString('hex')}`);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
