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

    it('stops at the signal', async () => {
      await expect(subject.store.head('other/x', AbortSignal.abort())).rejects.toMatchObject({ code: 'CANCELLED' });
    });
  });
}
