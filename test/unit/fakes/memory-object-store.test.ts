import { describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { describeObjectStore, describeVersionedStore } from '../../contract/object-store.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';

describeObjectStore('memory', async () => {
  const store = new MemoryObjectStore();
  return { store, put: async (key, content) => store.put(key, content), [Symbol.asyncDispose]: async () => undefined };
});

describeVersionedStore('memory', async () => {
  const store = new MemoryObjectStore();
  store.versioned = true;
  return {
    store,
    put: async (key, content) => store.put(key, content),
    remove: async (key) => store.remove(key),
    lock: async (key, mode, until) => void store.locks.set(key, { mode, until: until.toISOString(), legalHold: false }),
    [Symbol.asyncDispose]: async () => undefined,
  };
});

describe('MemoryObjectStore', () => {
  const signal = new AbortController().signal;

  it('breaks off in the middle when told to', async () => {
    const store = new MemoryObjectStore();
    store.put('tarball', new Uint8Array(100));
    store.cutAfter.set('tarball', 40);
    await expect(store.read('tarball', { maxBytes: 1_000, signal })).rejects.toMatchObject({ code: 'S3_UNAVAILABLE' });
  });

  it('fails while a fault is set', async () => {
    const store = new MemoryObjectStore();
    store.fault = new DrError({ code: 'S3_UNAVAILABLE', message: 'down' });
    await expect(store.list({ prefix: '', signal })).rejects.toBe(store.fault);
    store.fault = undefined;
    await expect(store.list({ prefix: '', signal })).resolves.toEqual({ objects: [], prefixes: [] });
  });
});
