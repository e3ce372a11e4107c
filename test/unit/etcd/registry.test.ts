import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clusterIdOf, memberIdOf } from '../../../src/etcd/identity.ts';
import { resourceOfKey, uidOf, valueKind } from '../../../src/etcd/registry.ts';
import { readContent } from '../../../src/etcd/snapshot-content.ts';
import { readSnapshotFile } from '../../../src/etcd/snapshot-file.ts';
import { readWire } from '../../../src/etcd/wire.ts';

const UID = 'c50dd653-1fd7-4102-aee7-4968cb4e5be7';

/** A length-delimited protobuf field. */
const field = (number: number, content: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);
};
const object = (uid: string): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), field(1, field(1, 'v1')), field(2, field(1, Buffer.concat([field(1, 'name'), field(5, uid)])))]);

async function* chunks(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

describe('ids of etcd', () => {
  it('are those that etcd 3.6.16 gave itself', () => {
    const member = memberIdOf(['http://127.0.0.1:1'], 'tok');
    expect(member).toBe('820920847895855839');
    expect(clusterIdOf([member])).toBe('2178501932198001652');
  });

  it('depend on no order', () => {
    expect(memberIdOf(['http://b', 'http://a'], 't')).toBe(memberIdOf(['http://a', 'http://b'], 't'));
    expect(clusterIdOf(['2', '10', '1'])).toBe(clusterIdOf(['10', '1', '2']));
  });
});

describe('the hash that ends a snapshot', () => {
  it('is found whatever the chunks are', async () => {
    const database = Buffer.alloc(1_536, 3);
    const file = Buffer.concat([database, createHash('sha256').update(database).digest()]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 1_600 }), async (size) => {
        const facts = await readSnapshotFile(chunks(file, size));
        expect(facts).toEqual({ sizeBytes: file.length, sha256: createHash('sha256').update(file).digest('hex'), ownHash: 'equal' });
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['an altered file', Buffer.alloc(1_536 + 32, 3), 'differs'],
    ['a raw database', Buffer.alloc(1_536, 3), 'absent'],
    ['an empty file', Buffer.alloc(0), 'absent'],
  ])('of %s', async (_name, content, ownHash) => {
    expect((await readSnapshotFile(chunks(content, 100))).ownHash).toBe(ownHash);
  });
});

describe('what an API server keeps', () => {
  it.each([
    ['/registry/pods/default/a', 'pods'],
    ['/registry/services/specs/default/kubernetes', 'services/specs'],
    ['/registry/lattice.dev/latticeservices/orders/api', 'lattice.dev/latticeservices'],
    ['/registry/apiregistration.k8s.io/apiservices/v1.apps', 'apiregistration.k8s.io/apiservices'],
    ['compact_rev_key', undefined],
  ])('%s is of %s', (key, resource) => expect(resourceOfKey(key)).toBe(resource));

  it.each([
    ['protobuf', object(UID), { form: 'protobuf' }],
    ['JSON', Buffer.from('{}'), { form: 'json' }],
    ['an encrypted value', Buffer.from('k8s:enc:secretbox:v1:key2:\u0001'), { form: 'encrypted', provider: 'secretbox:v1', keyName: 'key2' }],
    ['anything else', Buffer.from('x'), { form: 'other' }],
    ['nothing', Buffer.alloc(0), { form: 'other' }],
  ])('%s is told by its first bytes', (_name, value, kind) => expect(valueKind(value)).toEqual(kind));

  it.each([
    ['protobuf', object(UID), UID],
    ['JSON', Buffer.from(JSON.stringify({ metadata: { uid: UID } })), UID],
    ['JSON without one', Buffer.from('{"metadata":{}}'), undefined],
    ['broken JSON', Buffer.from('{"metadata'), undefined],
    ['an encrypted value', Buffer.from('k8s:enc:aescbc:v1:key1:zz'), undefined],
    ['cut protobuf', object(UID).subarray(0, 20), undefined],
  ])('the uid in %s', (_name, value, uid) => expect(uidOf(value)).toBe(uid));

  it('is counted, and what is missing, unknown or encrypted is named', async () => {
    const pair = (key: string, value: Buffer) => ({ key: `/registry/${key}`, kind: valueKind(value), value: async () => value });
    const pairs = [
      pair('namespaces/kube-system', object(UID)),
      pair('namespaces/default', object('x')),
      pair('secrets/default/a', Buffer.from('k8s:enc:aescbc:v1:key1:zz')),
      pair('secrets/default/b', Buffer.from('zz')),
    ];
    expect(await readContent(pairs)).toMatchObject({
      resources: { namespaces: 2, secrets: 2 },
      encryption: ['aescbc:v1:key1'],
      unknown: ['/registry/secrets/default/b'],
      missing: ['/registry/services/specs/default/kubernetes'],
      clusterUid: UID,
    });
  });
});

describe('protobuf', () => {
  it('reads no bytes as a message that is none, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void readWire(bytes)),
      { numRuns: 500 },
    );
    expect(readWire(Buffer.of(0x0a, 200))).toBeUndefined();
    expect(readWire(Buffer.of(0x0b))).toBeUndefined();
  });
});
