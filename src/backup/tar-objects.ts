import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isObject, parseJson } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';

const BLOCK = 512;
/** Where Velero writes an object that a restore reads (Velero 1.18 pkg/archive/filesystem.go); copies by API version lie beside it. */
const OBJECT_PATH = /^(?:\.\/)?resources\/([^/]+)\/(?:cluster|namespaces\/[^/]+)\/[^/]+\.json$/;
/** A tarball that unpacks to more is not believed. */
const MAX_BYTES = 4 * 1024 * 1024 * 1024;

/** Objects of a Velero tarball, of the resources (`latticeservices.lattice.dev`, `pods`) that are wanted. Throws when it is no whole tarball. */
export async function* tarObjects(bytes: AsyncIterable<Uint8Array>, isWanted: (resource: string) => boolean): AsyncGenerator<KubeObject> {
  const gunzip = createGunzip();
  // An error on the way destroys the unpacker, whose reader then throws it.
  pipeline(Readable.from(bytes, { objectMode: false }), gunzip, () => undefined);
  for await (const { name, content } of tarFiles(gunzip)) {
    const resource = OBJECT_PATH.exec(name)?.[1];
    if (resource === undefined || !isWanted(resource)) continue;
    const object = parseJson(content);
    if (isObject(object)) yield object as unknown as KubeObject;
  }
}

interface TarFile {
  readonly name: string;
  readonly content: Buffer;
}

/** Files of a tar (ustar, with the long names of GNU and pax). */
async function* tarFiles(unpacked: AsyncIterable<Buffer>): AsyncGenerator<TarFile> {
  let buffer: Buffer = Buffer.alloc(0);
  let total = 0;
  let longName: string | undefined;
  for await (const chunk of unpacked) {
    total += chunk.length;
    if (total > MAX_BYTES) throw new Error(`it unpacks to more than ${MAX_BYTES} bytes`);
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    for (let entry = entryOf(buffer); entry !== undefined; entry = entryOf(buffer)) {
      buffer = buffer.subarray(entry.end);
      const isFile = entry.type === '0' || entry.type === '\0';
      if (isFile) yield { name: longName ?? entry.name, content: entry.content };
      longName = isFile ? undefined : (longNameOf(entry) ?? longName);
    }
  }
}

interface Entry extends TarFile {
  readonly type: string;
  /** Offset behind it. */
  readonly end: number;
}

/** The entry at the start; `undefined` while it is not whole. */
function entryOf(buffer: Buffer): Entry | undefined {
  if (buffer.length < BLOCK) return undefined;
  const text = (from: number, length: number): string => buffer.toString('utf8', from, from + length).replace(/\0.*$/s, '');
  const size = Number.parseInt(text(124, 12).trim() || '0', 8);
  const end = BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  if (buffer.length < end) return undefined;
  const name = [text(345, 155), text(0, 100)].filter((part) => part !== '').join('/');
  return { name, type: text(156, 1) || '\0', content: Buffer.from(buffer.subarray(BLOCK, BLOCK + size)), end };
}

/** The name that a GNU (`L`) or pax (`x`) header gives to the next file. */
function longNameOf({ type, content }: Entry): string | undefined {
  if (type === 'L') return content.toString('utf8').replace(/\0.*$/s, '');
  return type === 'x' ? /\d+ path=([^\n]+)\n/.exec(content.toString('utf8'))?.[1] : undefined;
}
