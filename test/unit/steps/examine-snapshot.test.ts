import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/clock/system-clock.ts';
import { createLocalFiles } from '../../../src/adapters/fs/local-files.ts';
import type { Etcd, ScratchOptions } from '../../../src/ports/etcd.ts';
import { examineSnapshot, type SnapshotTools } from '../../../src/steps/etcd/examine-snapshot.ts';
import { boltFile } from '../etcd/bolt-file.ts';

const KEYS = ['/registry/configmaps/default/a', '/registry/configmaps/default/b'];
const DATABASE = boltFile(KEYS.map((key, index) => ({ revision: index + 2, key, value: Buffer.from('{}') })));

describe('a snapshot that is examined', () => {
  let folder = '';
  /** What etcd was asked for every value of. */
  let ranged: string[];
  let booted: ScratchOptions[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-examine-'));
    [ranged, booted] = [[], []];
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  /** An etcd that serves these keys, whatever the file holds. */
  const etcdWith = (keys: readonly string[]): Etcd =>
    ({
      status: async () => ({ revision: '3' }),
      members: async () => [],
      alarms: async () => [],
      hashKv: async () => ({ hash: 1, revision: '3', compactRevision: '0' }),
      count: async () => keys.length,
      async *range(prefix: string) {
        ranged.push(prefix);
        for (const key of keys) yield { key, value: Buffer.from('{}') };
      },
    }) as unknown as Etcd;
  const examine = async (database: Buffer, served: readonly string[]) => {
    const path = join(folder, 'a.db');
    await writeFile(path, Buffer.concat([database, createHash('sha256').update(database).digest()]));
    const boot = async (options: ScratchOptions) => {
      booted.push(options);
      const known = { peerUrl: '', token: '', name: '', database: { revision: '3', keys: 2, sizeBytes: 1 } };
      return { ...known, etcd: etcdWith(served), [Symbol.asyncDispose]: async () => undefined };
    };
    const tools = {
      files: createLocalFiles(),
      scratch: { boot },
      clock: systemClock,
      tool: '',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    };
    return (await examineSnapshot({ path }, tools as unknown as SnapshotTools)).booted?.content.resources;
  };

  it('has its values read from its file, and etcd is asked for none', async () => {
    expect(await examine(DATABASE, KEYS)).toEqual({ configmaps: 2 });
    expect(ranged).toEqual([]);
    expect(booted).toMatchObject([{ isHashKnown: true }]);
  });

  it('has them read from etcd where it serves another number of keys than the file has', async () => {
    expect(await examine(DATABASE, [...KEYS, '/registry/configmaps/default/c'])).toEqual({ configmaps: 3 });
    expect(ranged).toEqual(['/registry/']);
  });

  it('has them read from etcd where the file cannot be read here', async () => {
    expect(await examine(Buffer.alloc(8_192, 7), KEYS)).toEqual({ configmaps: 2 });
    expect(ranged).toEqual(['/registry/']);
  });
});
