import { readMeta } from '../bolt-page.ts';

/** As much of a database as its two meta pages have, whatever the size of its pages up to 16 KiB, in bytes. */
export const BOLT_HEAD_BYTES = 32_768;

/**
 * What keeps bbolt from opening a database, by its first bytes and its size; `undefined` when nothing does. Pages behind the first two have no checksums, so
 * this tells a file that is no database, or is cut short, and no more.
 */
export function boltFault(head: Uint8Array, sizeBytes: number): string | undefined {
  const bytes = Buffer.from(head);
  const metas = [0, 4_096, 8_192, 16_384].map((at) => readMeta(bytes.subarray(at))).filter((meta) => meta !== undefined);
  if (metas.length === 0) return 'neither of its meta pages is whole';
  const needed = Math.max(...metas.map(({ end, pageBytes }) => end * pageBytes));
  return sizeBytes < needed ? `it has ${sizeBytes} bytes, and its pages need ${needed}` : undefined;
}
