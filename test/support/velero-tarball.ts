import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** A tar of files by path. */
export async function packTar(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, typeof content === 'string' ? content : Buffer.from(content));
  tar.finalize();
  return Buffer.concat(await Array.fromAsync(tar as AsyncIterable<Uint8Array>));
}

/** The header of an entry, without the entry. */
export async function headerOf(name: string, size: number): Promise<Uint8Array> {
  const tar = pack();
  tar.entry({ name, size });
  for await (const chunk of tar as AsyncIterable<Uint8Array>) return chunk;
  return new Uint8Array();
}

/** A gzipped tar of files by path. */
export async function tarOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  return gzipSync(await packTar(files));
}

/** Bytes as they come over a network. */
export async function* inChunks(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}
