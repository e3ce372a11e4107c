import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { isObject, parseJson } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';

const BLOCK = 512;
/** Where Velero writes an object that a restore reads (Velero 1.18 pkg/archive/filesystem.go); copies by API version lie beside it. */
const OBJECT_PATH = /^(?:\.\/)?resources\/([^/]+)\/(?:cluster|namespaces\/[^/]+)\/[^/]+\.json$/;
/** A tarball that unpacks to more is not believed. */
const MAX_BYTES = 4 * 1024 * 1024 * 1024;

/** Objects of a Velero tarball, of the resources (`latticeservices.lattice.dev`, `pods`) that are wanted. */
export async function* tarObjects(bytes: AsyncIterable<Uint8Array>, isWanted: (resource: string) => boolean): AsyncGenerator<KubeObject> {
  for await (const { name, content } of tarFiles(Readable.from(bytes, { objectMode: false }).pipe(createGunzip()))) {
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

async function* tarFiles(unpacked: AsyncIterable<Buffer>): AsyncGenerator<TarFile> {
  let buffer: Buffer = Buffer.alloc(0);
  let total = 0;
  let longName: string | undefined;
  for await (const chunk of unpacked) {
    total += chunk.length;
    if (total > MAX_BYTES) throw new Error(`it unpacks to more than ${MAX_BYTES} bytes`);
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    for (;;) {
      if (buffer.length < BLOCK) break;
      const size = Number.parseInt(buffer.toString('latin1', 124, 136).replace(/\0.*$/s, '').trim() || '0', 8);
      const end = BLOCK + Math.ceil(size / BLOCK) * BLOCK;
      if (buffer.length < end) break;
      const type = String.fromCharCode(buffer[156] ?? 0);
      const content = Buffer.from(buffer.subarray(BLOCK, BLOCK + size));
      const text = (from: number, length: number): string => buffer.toString('utf8', from, from + length).replace(/\0.*$/s, '');
      const short = [text(345, 155), text(0, 100)].filter((part) => part !== '').join('/');
      buffer = buffer.subarray(end);
      if (type === 'L') longName = content.toString('utf8').replace(/\0.*$/s, '');
      else if (type === 'x') longName = /\d+ path=([^\n]+)\n/.exec(content.toString('utf8'))?.[1] ?? longName;
      else {
        if (type === '0' || type === '\0') yield { name: longName ?? short, content };
        longName = undefined;
      }
    }
  }
}
