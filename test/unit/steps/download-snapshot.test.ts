import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/clock/system-clock.ts';
import { createLocalFiles } from '../../../src/adapters/fs/local-files.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { ObjectStore } from '../../../src/ports/object-store.ts';
import { downloadSnapshot } from '../../../src/steps/etcd/download-snapshot.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';

const MIB = 1024 * 1024;
const KEY = 'etcd/east.db';

describe('download of a snapshot', () => {
  let folder = '';
  let store: MemoryObjectStore;
  const database = randomBytes(70 * MIB);
  const content = Buffer.concat([database, createHash('sha256').update(database).digest()]);
  let current = content;
  let generation = 1;
  const signal = new AbortController().signal;
  /** Offsets of the ranges that were asked for. */
  let asked: number[];
  /** Called before each range. */
  let before: (from: number) => void;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-download-'));
    store = new MemoryObjectStore();
    [current, generation] = [content, 1];
    asked = [];
    before = () => undefined;
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  /** The store, with ranges out of the one buffer: it hashes all of an object at each read. */
  const watched = (): ObjectStore =>
    Object.assign(Object.create(store) as ObjectStore, {
      async range(_key: string, { from, length, at }: Parameters<ObjectStore['range']>[1]) {
        asked.push(from);
        before(from);
        if (at.etag !== String(generation)) throw new DrError({ code: 'S3_FAILED', message: 'it is another now', details: { code: 'PreconditionFailed' } });
        return current.subarray(from, from + length);
      },
    });
  const download = async (name = 'east.db') => {
    const object = { key: KEY, sizeBytes: current.length, lastModified: '2026-03-01T03:00:00.000Z', etag: String(generation) };
    return await downloadSnapshot(
      { store: watched(), object, to: join(folder, name) },
      { files: createLocalFiles(), clock: systemClock, signal, onProgress: () => undefined },
    );
  };

  it('writes what is there, by ranges, and hashes it on the way', async () => {
    const facts = await download();
    expect(facts).toEqual({ sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex'), ownHash: 'equal' });
    expect((await readFile(join(folder, 'east.db'))).equals(content)).toBe(true);
    expect(asked).toEqual(Array.from({ length: 9 }, (_, index) => index * 8 * MIB));
    expect(await readdir(folder)).toEqual(['east.db']);
  });

  it('is gone on with where it was cut off', async () => {
    before = (from) => {
      if (from >= 32 * MIB) throw new DrError({ code: 'S3_FAILED', message: 'the line is cut' });
    };
    await expect(download()).rejects.toMatchObject({ code: 'S3_FAILED' });
    expect(await readdir(folder)).toEqual(['east.db.part', 'east.db.part.tag']);
    before = () => undefined;
    asked = [];
    expect((await download()).ownHash).toBe('equal');
    expect(asked[0]).toBe(32 * MIB);
    expect((await readFile(join(folder, 'east.db'))).equals(content)).toBe(true);
  });

  it('begins anew when the object is another one, and when what was left does not fit', async () => {
    before = (from) => {
      if (from >= 32 * MIB) throw new DrError({ code: 'S3_FAILED', message: 'the line is cut' });
    };
    await expect(download()).rejects.toMatchObject({ code: 'S3_FAILED' });
    before = () => undefined;
    const part = await readFile(join(folder, 'east.db.part'));
    part[5] = (part[5] ?? 0) ^ 1;
    await writeFile(join(folder, 'east.db.part'), part);
    asked = [];
    expect((await download()).ownHash).toBe('equal');
    expect(asked.filter((from) => from === 0)).toHaveLength(1);
    const other = Buffer.concat([database.subarray(0, MIB), createHash('sha256').update(database.subarray(0, MIB)).digest()]);
    [current, generation] = [other, 2];
    expect((await download('other.db')).sizeBytes).toBe(other.length);
  });

  it('a range that breaks off is asked for again', async () => {
    let isCut = true;
    before = (from) => {
      if (from !== 16 * MIB || !isCut) return;
      isCut = false;
      throw new DrError({ code: 'S3_UNAVAILABLE', message: 'ECONNRESET', retry: 'retryable' });
    };
    expect((await download()).ownHash).toBe('equal');
    expect(asked.filter((from) => from === 16 * MIB)).toHaveLength(2);
  });

  it('stops when the object is replaced under it', async () => {
    before = (from) => {
      if (from === 64 * MIB) generation = 2;
    };
    await expect(download()).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'PreconditionFailed' } });
  });
});
