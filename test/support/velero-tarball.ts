import { gzipSync } from 'node:zlib';

/** One block of a tar (POSIX ustar). */
const BLOCK = 512;

/** The header of an entry, without the entry. */
export function headerOf(path: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const slash = path.length > 100 ? path.lastIndexOf('/', 154) : -1;
  header.write(path.slice(slash + 1), 0, 100);
  if (slash > 0) header.write(path.slice(0, slash), 345, 155);
  for (const [text, at] of [
    ['0000644\0', 100],
    [`${size.toString(8).padStart(11, '0')}\0`, 124],
    ['        0', 148],
    ['ustar\u000000', 257],
  ] as const)
    header.write(text, at);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** A tar of files by path. */
export function packTar(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const entries = Object.entries(files).flatMap(([path, content]) => {
    const bytes = Buffer.from(content);
    return [headerOf(path, bytes.length), bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]);
}

/** A gzipped tar of files by path. */
export function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return gzipSync(packTar(files));
}

/** Bytes as they come over a network. */
export async function* inChunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}
