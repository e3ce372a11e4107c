import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readTarball, type TarballFacts } from '../../../src/backup/tarball.ts';
import { headerOf, inChunks, packTar, tarOf } from '../../support/velero-tarball.ts';

const CONFIG = { apiVersion: 'v1', data: { a: 'b' }, kind: 'ConfigMap', metadata: { name: 'x', namespace: 'shop' } };
const FILES = {
  'metadata/version': '1.1.0\n',
  'resources/configmaps/namespaces/shop/one.json': JSON.stringify(CONFIG),
  'resources/configmaps/namespaces/shop/two.json': JSON.stringify(CONFIG),
  'resources/configmaps/v1-preferredversion/namespaces/shop/two.json': JSON.stringify(CONFIG),
  'resources/deployments.apps/namespaces/shop/web.json': JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } }),
  'resources/persistentvolumes/cluster/pv.json': JSON.stringify({ apiVersion: 'v1', kind: 'PersistentVolume', spec: { storageClassName: 'fast' } }),
};
const signal = new AbortController().signal;

async function read(bytes: Uint8Array, sizeBytes = bytes.length): Promise<TarballFacts> {
  return await readTarball(inChunks(bytes), { sizeBytes, signal });
}

const packed = tarOf(FILES);
const plain = packTar(FILES);
const noObject = tarOf({ 'resources/pods/namespaces/shop/x.json': '[]' });
const largeObject = tarOf({ 'resources/pods/namespaces/shop/x.json': ' '.repeat(17 * 1024 * 1024) });

describe('a tarball', () => {
  it('is read to its end: every object once, the volumes whole, digest and sizes of all bytes', async () => {
    const facts = await read(packed);
    expect(facts.fault).toBeUndefined();
    expect([...facts.items].toSorted()).toEqual(['ConfigMap shop/one', 'ConfigMap shop/two', 'Deployment.apps shop/web', 'PersistentVolume pv']);
    expect(facts).toMatchObject({
      formatVersion: '1.1.0',
      entries: 6,
      sizeBytes: packed.length,
      unpackedBytes: plain.length,
      sha256: `sha256:${createHash('sha256').update(packed).digest('hex')}`,
      volumes: [{ spec: { storageClassName: 'fast' } }],
    });
  });

  it('gives each object to whoever compares it', async () => {
    const seen: string[] = [];
    await readTarball(inChunks(packed), {
      sizeBytes: packed.length,
      signal,
      onObject: ({ resource, name }, content) => seen.push(`${resource}/${name} ${content.length}`),
    });
    expect(seen).toHaveLength(4);
    expect(seen).toContain(`configmaps/two ${JSON.stringify(CONFIG).length}`);
  });

  const flipped = (at: number): Uint8Array => packed.map((byte, index) => (index === at ? byte ^ 1 : byte));

  it.each<[string, Uint8Array, RegExp]>([
    ['cut in the middle', packed.subarray(0, packed.length >> 1), /unexpected end of file/],
    ['cut in its last four bytes', packed.subarray(0, -4), /unexpected end of file/],
    ['whose sum does not fit', flipped(packed.length - 8), /incorrect data check/],
    ['with a flipped bit', flipped(packed.length >> 1), /./],
    ['that is no gzip', new TextEncoder().encode('tarball'), /incorrect header check/],
    ['that is empty', new Uint8Array(), /unexpected end of file/],
    ['that is no tar', gzipSync('x'.repeat(5_000)), /Invalid tar header/],
    ['cut before it was packed', gzipSync(plain.subarray(0, 2_000)), /Unexpected end of data/],
    ['with something behind it', Buffer.concat([packed, Buffer.from('more')]), /incorrect header check/],
    ['with an object that is none', noObject, /x.json in it is no Kubernetes object/],
    ['with an object that is too large', largeObject, /more than a Kubernetes object may have/],
  ])('%s says what is wrong with it', async (_, bytes, fault) => {
    expect((await read(bytes)).fault).toMatch(fault);
  });

  it('that unpacks to more than its size can explain is given up early', async () => {
    // One entry of zeros. Members of a gzip follow one another (RFC 1952): here 80 of 16 MiB, of 16 kB each.
    const member = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const header = gzipSync(headerOf('zeros', 80 * 16 * 1024 * 1024));
    const { fault, unpackedBytes } = await read(Buffer.concat([header, ...Array.from({ length: 80 }, () => member)]), 10);
    expect(fault).toMatch(/unpacks to more than 1073743824 bytes/);
    expect(unpackedBytes).toBeLessThan(1_080_000_000);
  });

  it('is not blamed for a connection that was lost', async () => {
    const lost = new Error('ECONNRESET');
    const broken = async function* () {
      yield packed.subarray(0, 100);
      throw lost;
    };
    await expect(readTarball(broken(), { sizeBytes: packed.length, signal })).rejects.toBe(lost);
  });

  it('is left when somebody stops it, and its source is let go', async () => {
    const stop = new AbortController();
    let isLetGo = false;
    const endless = async function* () {
      try {
        yield packed.subarray(0, 100);
        stop.abort(new Error('stopped'));
        for (;;) yield new Uint8Array(await Promise.resolve([0]));
      } finally {
        isLetGo = true;
      }
    };
    await expect(readTarball(endless(), { sizeBytes: 10, signal: stop.signal })).rejects.toThrow('stopped');
    expect(isLetGo).toBe(true);
  });
});
