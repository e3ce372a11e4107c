import { open } from 'node:fs/promises';
import { isMissing, storeFailure } from './durable-files.ts';

/** The end of a run is one line with at most an error in it; whatever is longer has to be read from the start. */
const TAIL_BYTES = 64 * 1_024;
const NEWLINE = 0x0a;

/**
 * Reads the last line of a file without what is before it. `undefined` when the file is missing, empty or does not end in a newline, and for a line longer
 * than 64 KiB. Throws `STORE_FAILED`.
 */
export async function readLastLine(path: string): Promise<string | undefined> {
  try {
    await using handle = await open(path, 'r');
    const { size } = await handle.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
    const tail = buffer.subarray(0, bytesRead);
    if (bytesRead < size - from || tail.at(-1) !== NEWLINE) return undefined;
    const start = tail.lastIndexOf(NEWLINE, tail.length - 2);
    if (start < 0 && from > 0) return undefined;
    return tail.subarray(start + 1, -1).toString();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storeFailure('read', path, error);
  }
}
