import { open } from 'node:fs/promises';
import { isMissingFile } from '../file-errors.ts';

const MOST_BYTES = 64 * 1_024;

/** The last lines of a log, not from before byte `from`; `(empty)` when there are none. */
export async function logTail(path: string, options: { readonly lines: number; readonly from?: number }): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (isMissingFile(error)) return undefined;
    throw error;
  });
  if (file === undefined) return '(empty)';
  try {
    const { size } = await file.stat();
    const start = Math.max(options.from ?? 0, size - MOST_BYTES, 0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.max(size - start, 0)), 0, Math.max(size - start, 0), start);
    const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n');
    const tail = lines.slice(-options.lines).join('\n');
    return tail === '' ? '(empty)' : tail;
  } finally {
    await file.close();
  }
}
