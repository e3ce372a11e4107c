import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../src/ports/object-store.ts';

export interface ObjectStoreSubject extends AsyncDisposable {
  readonly store: ObjectStore;
  /** Stores an object, as somebody else. */
  put(key: string, content: Uint8Array): Promise<void>;
}

/** What every `ObjectStore` does, the fake and the real one alike. */
export function describeObjectStore(name: string, open: () => Promise<ObjectStoreSubject>): void {
  describe(`ObjectStore contract: ${name}`, { timeout: 60_000 }, () => {
    let subject: ObjectStoreSubject;
    const signal = () => AbortSignal.timeout(20_000);
    const text = (value: string) => new TextEncoder().encode(value);
    const big = new Uint8Array(300_000).map((_, index) => (index * 31) % 251);

    beforeAll(async () => {
      subject = await open();
      for (const key of ['backups/a/velero-backup.json', 'backups/a/a.tar.gz', 'backups/b/velero-backup.json', 'other/x']) await subject.put(key, text(key));
      await subject.put('backups/big', big);
      await subject.put('backups/empty', new Uint8Array());
    }, 60_000);
    afterAll(async () => subject[Symbol.asyncDispose]());

    it('lists what is under a prefix', async () => {
      const { objects, prefixes } = await subject.store.list({ prefix: 'backups/a/', signal: signal() });
      expect(objects.map(({ key }) => key)).toEqual(['backups/a/a.tar.gz', 'backups/a/velero-backup.json']);
      expect(objects[0]).toMatchObject({
        sizeBytes: 'backups/a/a.tar.gz'.length,
        lastModified: expect.stringMatching(/^\d{4}-.*Z$/),
        etag: expect.stringMatching(/^[^"]+$/),
      });
      expect(prefixes).toEqual([]);
    });

    it('groups by a delimiter', async () => {
      const { objects, prefixes } = await subject.store.list({ prefix: 'backups/', delimiter: '/', signal: signal() });
      expect(prefixes).toEqual(['backups/a/', 'backups/b/']);
      expect(objects.map(({ key }) => key)).toEqual(['backups/big', 'backups/empty']);
    });

    it('lists nothing under a prefix that is not there', async () => {
      expect(await subject.store.list({ prefix: 'nothing/', signal: signal() })).toEqual({ objects: [], prefixes: [] });
    });

    it('tells size and identity, and absence', async () => {
      expect(await subject.store.head('backups/big', signal())).toMatchObject({
        key: 'backups/big',
        sizeBytes: 300_000,
        etag: expect.stringMatching(/^[^"]+$/),
      });
      expect(await subject.store.head('backups/none', signal())).toBeUndefined();
    });

    it('reads a whole object, an empty one too, and tells absence', async () => {
      const read = async (key: string) => subject.store.read(key, { maxBytes: 1_000_000, signal: signal() });
      expect(Buffer.from((await read('other/x')) ?? []).toString()).toBe('other/x');
      expect(Buffer.compare(Buffer.from((await read('backups/big')) ?? []), Buffer.from(big))).toBe(0);
      expect((await read('backups/empty'))?.length).toBe(0);
      expect(await read('backups/none')).toBeUndefined();
    });

    it('refuses to read more than it may', async () => {
      await expect(subject.store.read('backups/big', { maxBytes: 299_999, signal: signal() })).rejects.toMatchObject({
        code: 'S3_FAILED',
        details: { code: 'TooLarge', sizeBytes: 300_000 },
      });
    });

    it('streams an object, may be left in the middle, and throws for one that is not there', async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of await subject.store.stream('backups/big', signal())) chunks.push(chunk);
      expect(Buffer.compare(Buffer.concat(chunks), Buffer.from(big))).toBe(0);
      for (let time = 0; time < 60; time += 1) for await (const _ of await subject.store.stream('backups/big', signal())) break;
      await expect(subject.store.stream('backups/none', signal())).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'NoSuchKey' } });
    });

    it('reads what was seen before, or says that it is another now', async () => {
      const { etag } = (await subject.store.head('other/x', signal())) ?? { etag: '' };
      expect((await subject.store.read('other/x', { maxBytes: 10, signal: signal(), at: { etag } }))?.length).toBe(7);
      await expect(subject.store.read('other/x', { maxBytes: 10, signal: signal(), at: { etag: '0'.repeat(32) } })).rejects.toMatchObject({
        code: 'S3_FAILED',
        details: { code: 'PreconditionFailed' },
      });
    });

    it('reads a part of what was seen before', async () => {
      const at = (await subject.store.head('backups/big', signal())) ?? { etag: '' };
      const part = async (from: number, length: number) => Buffer.from(await subject.store.range('backups/big', { from, length, at, signal: signal() }));
      expect(Buffer.compare(await part(100_000, 1_000), Buffer.from(big.subarray(100_000, 101_000)))).toBe(0);
      expect((await part(299_000, 5_000)).length).toBe(1_000);
      const other = { from: 0, length: 10, at: { etag: '0'.repeat(32) }, signal: signal() };
      await expect(subject.store.range('backups/big', other)).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'PreconditionFailed' } });
      await expect(subject.store.range('backups/none', { ...other, at: {} })).rejects.toMatchObject({ code: 'S3_FAILED' });
    });

    it.each([
      ['small', [7]],
      ['of several parts', [9 * 1024 * 1024, 9 * 1024 * 1024, 100]],
    ])('stores an object %s once, and replaces nothing', async (name, sizes) => {
      async function* content(fill: number) {
        for (const size of sizes) yield new Uint8Array(size).fill(fill);
      }
      const key = `new/${name.replaceAll(' ', '-')}`;
      expect(await subject.store.putNew(key, content(1), signal())).toBe(true);
      expect(await subject.store.putNew(key, content(2), signal())).toBe(false);
      const at = (await subject.store.head(key, signal())) ?? { etag: '', sizeBytes: 0 };
      expect(at.sizeBytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
      expect([...(await subject.store.range(key, { from: at.sizeBytes - 3, length: 3, at, signal: signal() }))]).toEqual([1, 1, 1]);
    });

    it('names no version where the bucket keeps none', async () => {
      const versions = await subject.store.versions({ prefix: 'backups/a/', signal: signal() });
      if (!versions.known) return expect(versions.reason).toMatch(/versions/);
      expect(versions.value.map(({ key, versionId, isLatest, isDeletion }) => ({ key, versionId, isLatest, isDeletion }))).toEqual(
        ['backups/a/a.tar.gz', 'backups/a/velero-backup.json'].map((key) => ({ key, versionId: undefined, isLatest: true, isDeletion: false })),
      );
    });

    it('tells that nothing locks an object', async () => {
      expect(await subject.store.lock('other/x', signal())).toEqual({ known: true, value: { legalHold: false } });
    });

    it('stops at the signal', async () => {
      await expect(subject.store.head('other/x', AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });
  });
}

export interface VersionedStoreSubject extends ObjectStoreSubject {
  /** Deletes an object, as somebody else: a new version that says so. */
  remove(key: string): Promise<void>;
  /** Locks the newest version of an object until then. */
  lock(key: string, mode: 'COMPLIANCE' | 'GOVERNANCE', until: Date): Promise<void>;
}

/** What every `ObjectStore` does with a bucket that keeps versions and can lock them. */
export function describeVersionedStore(name: string, open: () => Promise<VersionedStoreSubject>): void {
  describe(`ObjectStore contract, versions: ${name}`, { timeout: 60_000 }, () => {
    let subject: VersionedStoreSubject;
    const signal = () => AbortSignal.timeout(20_000);
    const put = async (key: string, value: string) => await subject.put(key, new TextEncoder().encode(value));
    const versionsOf = async (prefix: string) => {
      const answer = await subject.store.versions({ prefix, signal: signal() });
      return answer.known ? answer.value : [];
    };

    beforeAll(async () => {
      subject = await open();
    }, 60_000);
    afterAll(async () => subject[Symbol.asyncDispose]());

    it('lists all versions of each key, the newest first, and reads each of them', async () => {
      for (const value of ['one', 'two!', 'three']) await put('v/a', value);
      await put('v/b', 'b');
      const versions = await versionsOf('v/');
      expect(versions.map(({ key, isLatest, sizeBytes }) => [key, isLatest, sizeBytes])).toEqual([
        ['v/a', true, 5],
        ['v/a', false, 4],
        ['v/a', false, 3],
        ['v/b', true, 1],
      ]);
      expect(new Set(versions.map(({ versionId }) => versionId)).size).toBe(4);
      const read = async (versionId: string | undefined) =>
        Buffer.from((await subject.store.read('v/a', { maxBytes: 10, signal: signal(), at: versionId === undefined ? {} : { versionId } })) ?? []).toString();
      expect(await Promise.all(versions.slice(0, 3).map(({ versionId }) => read(versionId)))).toEqual(['three', 'two!', 'one']);
      expect(await read(undefined)).toBe('three');
      expect((await subject.store.head('v/a', signal()))?.versionId).toBe(versions[0]?.versionId);
      const [, middle] = versions;
      const chunks = await Array.fromAsync(await subject.store.stream('v/a', signal(), { versionId: middle?.versionId ?? '' }));
      expect(Buffer.concat(chunks).toString()).toBe('two!');
    });

    it('shows a deletion as the newest version', async () => {
      await put('d/a', 'gone');
      await subject.remove('d/a');
      expect((await versionsOf('d/')).map(({ isLatest, isDeletion }) => ({ isLatest, isDeletion }))).toEqual([
        { isLatest: true, isDeletion: true },
        { isLatest: false, isDeletion: false },
      ]);
      expect(await subject.store.head('d/a', signal())).toBeUndefined();
    });

    it.each(['COMPLIANCE', 'GOVERNANCE'] as const)('tells a %s lock and its end', async (mode) => {
      const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 2_000);
      await put(`l/${mode}`, 'locked');
      await subject.lock(`l/${mode}`, mode, until);
      expect(await subject.store.lock(`l/${mode}`, signal())).toEqual({ known: true, value: { mode, until: until.toISOString(), legalHold: false } });
      await put('l/open', 'open');
      expect(await subject.store.lock('l/open', signal())).toEqual({ known: true, value: { legalHold: false } });
    });
  });
}
