import { gzipSync } from 'node:zlib';
import { resourceOf } from '../../src/backup/velero-scope.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';

const BLOCK = 512;

/** A tarball as Velero writes it (`resources/<resource>/…/<name>.json`), of these objects. */
export function veleroTarball(objects: readonly KubeObject[]): Uint8Array {
  const files = objects.map((object) => {
    const { name, namespace } = object.metadata;
    const place = namespace === undefined ? 'cluster' : `namespaces/${namespace}`;
    return tarFile(`resources/${resourceOf(object)}/${place}/${name}.json`, Buffer.from(JSON.stringify(object)));
  });
  return gzipSync(Buffer.concat([...files, Buffer.alloc(2 * BLOCK)]));
}

/** One file in the ustar format (POSIX.1-1988): a header and its content, both in blocks of 512 bytes. */
function tarFile(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100, 'utf8');
  header.write('0000600\0', 100);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}
