import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UnreadableDatabase } from '../../../src/etcd/bolt-page.ts';
import { readStoredPairs } from '../../../src/etcd/stored-pairs.ts';
import { boltFile, type Revision, readerOf } from './bolt-file.ts';

const PREFIX = '/registry/';
const text = (content: string): Buffer => Buffer.from(content);

/** Keys with their values, as the reader sees them. */
async function pairsOf(file: Buffer): Promise<readonly (readonly [string, string])[]> {
  const pairs = await readStoredPairs(readerOf(file), PREFIX);
  return await Promise.all(pairs.map(async ({ key, value }) => [key, Buffer.from(await value()).toString()] as const));
}

describe('the keys of a database file', () => {
  it('are those that etcd would serve: the latest revision of each that is not deleted, below the prefix', async () => {
    const file = boltFile([
      { revision: 2, key: '/registry/b', value: text('{"first":1}') },
      { revision: 3, key: '/registry/a', value: text('{}') },
      { revision: 5, key: '/elsewhere', value: text('{}') },
      { revision: 300, key: '/registry/gone', value: text('{}') },
      { revision: 301, key: '/registry/gone' },
      { revision: 302, key: '/registry/back', value: text('{}') },
      { revision: 303, key: '/registry/back' },
      { revision: 70_000, key: '/registry/back', value: text('{"again":1}') },
      { revision: 2 ** 33, key: '/registry/b', value: text('{"second":1}') },
    ]);
    expect(await pairsOf(file)).toEqual([
      ['/registry/a', '{}'],
      ['/registry/b', '{"second":1}'],
      ['/registry/back', '{"again":1}'],
    ]);
  });

  it('are told by the kind of their values, whatever their size', async () => {
    const large = Buffer.concat([text('k8s:enc:aescbc:v1:key1:'), Buffer.alloc(5_000, 7)]);
    const pairs = await readStoredPairs(readerOf(boltFile([{ revision: 2, key: '/registry/a', value: large }])), PREFIX);
    expect(pairs.map(({ kind }) => kind)).toEqual([{ form: 'encrypted', provider: 'aescbc:v1', keyName: 'key1' }]);
    expect(Buffer.from((await pairs[0]?.value()) ?? []).equals(large)).toBe(true);
  });

  it('are read of any tree', async () => {
    const value = fc.uint8Array({ maxLength: 700 });
    const arbitrary = fc.array(fc.record({ key: fc.constantFrom('/registry/a', '/registry/b', '/registry/c', '/x'), value: fc.option(value) }), {
      minLength: 1,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(arbitrary, async (changes) => {
        const revisions = changes.map(({ key, value: to }, index): Revision => ({ revision: index + 2, key, ...(to === null ? {} : { value: to }) }));
        const latest = new Map(revisions.filter(({ key }) => key.startsWith(PREFIX)).map(({ key, value: to }) => [key, to]));
        const keys = [...latest.keys()].toSorted((a, b) => (a < b ? -1 : 1));
        const wanted = keys.flatMap((key) => (latest.get(key) === undefined ? [] : [[key, Buffer.from(latest.get(key) ?? []).toString()]]));
        expect(await pairsOf(boltFile(revisions))).toEqual(wanted);
      }),
      { numRuns: 50 },
    );
  });

  it('of damaged pages are refused, and never anything else happens', async () => {
    const file = boltFile(Array.from({ length: 12 }, (_, index) => ({ revision: index + 2, key: `/registry/${index}`, value: Buffer.alloc(40, index) })));
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const damaged = Buffer.from(file);
        damaged[at] = (damaged[at] ?? 0) ^ mask;
        await readStoredPairs(readerOf(damaged), PREFIX).catch((error: unknown) => {
          if (!(error instanceof UnreadableDatabase || error instanceof RangeError)) throw error;
        });
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['pages of nothing', Buffer.alloc(8_192, 7)],
    ['half of it', boltFile([{ revision: 2, key: '/registry/a', value: text('{}') }]).subarray(0, 600)],
  ])('of %s are refused', async (_name, file) => {
    await expect(readStoredPairs(readerOf(file), PREFIX)).rejects.toThrow(UnreadableDatabase);
  });
});
