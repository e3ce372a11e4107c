import { describe, expect, it, vi } from 'vitest';
import { type Seal, sealText } from '../../../src/backup/seal.ts';
import { assertUnchanged } from '../../../src/steps/recovery/contents.ts';
import { judgeBackup } from '../../../src/steps/recovery/judge-backup.ts';
import { createSeals, NO_SEALS, type Seals } from '../../../src/steps/recovery/seals.ts';
import { vanishedBackups } from '../../../src/steps/recovery/vanished.ts';
import { veleroSource } from '../../../src/steps/recovery/velero-source.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { putWhole } from '../backup/whole-backup.ts';
import { StepBench } from './step-harness.ts';
import { packed, sealAll } from './velero-bucket.ts';

const NAMES = ['lattice-daily-20260227020000', 'lattice-daily-20260228020000', 'lattice-daily-20260301020000'] as const;
const SECTION = { store: 'main', bucket: 'backups', clusterBackup: 'daily' };
const REPOSITORY = 'lattice-main/kopia/shop/';
const { signal } = new AbortController();

/** Backups by files of one namespace, whose repository they share, and every request about that repository. */
function world() {
  const bucket = new MemoryObjectStore('backups');
  bucket.versioned = true;
  const pod = { spec: { pod: { namespace: 'shop' } }, status: { phase: 'Completed' } };
  putWhole(bucket, ...NAMES.map((name) => ({ name, files: { '-podvolumebackups.json.gz': packed([pod]) } })));
  for (const blob of ['kopia.repository', 'p0123', 'q0123', 'xn0_0123']) bucket.put(`${REPOSITORY}${blob}`, blob);
  const bench = new StepBench({ buckets: [bucket] });
  const [list, versions, head] = [vi.spyOn(bucket, 'list'), vi.spyOn(bucket, 'versions'), vi.spyOn(bucket, 'head')];
  const asked = () => ({
    lists: list.mock.calls.filter(([{ prefix }]) => prefix.startsWith(REPOSITORY)).length,
    versions: versions.mock.calls.filter(([{ prefix }]) => prefix.startsWith(REPOSITORY)).length,
    heads: head.mock.calls.filter(([key]) => key.startsWith(REPOSITORY)).length,
  });
  const seals = createSeals({
    read: async (name) => await bench.store.get(`seals/workload/${name}`),
    list: async () => NAMES.map((name) => `main/${name}.json`),
    rules: { required: false },
    signatures: new FakeSignatures({}),
    signal,
  });
  const seal = async (): Promise<void> => {
    await sealAll(bench, SECTION);
    for (const spy of [list, versions, head]) spy.mockClear();
  };
  return { bucket, bench, asked, seals, seal };
}

describe('of a repository that backups share', () => {
  it('a list of them asks once when they are sealed, and never when they are not', async () => {
    const { bench, asked, seals, seal } = world();
    const list = async (by: Seals) => await veleroSource(bench.ports, { section: SECTION, seals: by, now: bench.clock.now() }).list(signal);
    expect(await list(NO_SEALS)).toHaveLength(NAMES.length);
    expect(asked()).toEqual({ lists: 0, versions: 0, heads: 0 });
    await seal();
    expect(await list(seals)).toHaveLength(NAMES.length);
    expect(asked()).toEqual({ lists: 1, versions: 0, heads: 0 });
  });

  it('no blob is asked about by itself, also where versions cannot be listed, and it is compared all the same', async () => {
    const { bucket, bench, asked, seals, seal } = world();
    await seal();
    bucket.untold = 'AccessDenied';
    const judge = async () => await judgeBackup(bench.ports, SECTION, { name: NAMES[2], now: bench.clock.now(), seals, signal, read: 'enough' });
    const { objects } = await judge();
    expect(asked()).toEqual({ lists: 1, versions: 0, heads: 0 });
    expect(objects.flatMap(({ place, key }) => (place === 'repository' ? [key] : []))).toEqual(['shop/kopia.repository', 'shop/p0123', 'shop/q0123']);
    bucket.put(`${REPOSITORY}p0123`, 'p4567');
    expect((await judge()).verdict).toMatchObject({ state: 'bad', reasons: [expect.stringContaining('repository/shop/p0123 was replaced')] });
  });

  it('nothing is asked right before a restore, which is compared without it; that bytes are in it is known all the same', async () => {
    const { bench, asked } = world();
    const judged = await judgeBackup(bench.ports, SECTION, { name: NAMES[2], now: bench.clock.now(), seals: NO_SEALS, signal, read: 'enough' });
    await assertUnchanged(bench.ports, SECTION, { point: judged, signal });
    expect(judged.holdsVolumes).toBe(true);
    expect(asked()).toEqual({ lists: 0, versions: 0, heads: 0 });
  });
});

describe('locks of a backup', () => {
  const LOCK = { mode: 'COMPLIANCE', until: '2027-01-01T00:00:00Z', legalHold: false } as const;
  const BLOBS = ['kopia.repository', 'p0123', 'q0123'];

  /** A backup that is locked but for the objects named, in a repository of so many more packs. */
  async function immutabilityOf(morePacks: number, open: readonly string[]) {
    const { bucket, bench } = world();
    const packs = Array.from({ length: morePacks }, (_, index) => `p${index.toString(16).padStart(8, '0')}`);
    for (const pack of packs) bucket.put(`${REPOSITORY}${pack}`, pack);
    const { objects } = await bucket.list({ prefix: '', signal });
    for (const { key } of objects) if (!open.some((end) => key.endsWith(end))) bucket.locks.set(key, LOCK);
    const lock = vi.spyOn(bucket, 'lock');
    const options = { name: NAMES[2], now: bench.clock.now(), seals: NO_SEALS, signal, read: 'files', locks: 'all' } as const;
    const { immutability } = await judgeBackup(bench.ports, SECTION, options);
    return { immutability, blobsAsked: lock.mock.calls.filter(([key]) => key.startsWith(REPOSITORY)).length };
  }

  it('are asked of every blob too, and an open one is told', async () => {
    expect(await immutabilityOf(0, [])).toMatchObject({ immutability: { state: 'locked', until: LOCK.until }, blobsAsked: BLOBS.length });
    expect(await immutabilityOf(0, ['q0123'])).toMatchObject({ immutability: { state: 'unlocked', objects: 1 } });
  });

  it('are not asked of more than 2,000 blobs: then nobody can call it locked, and an open tarball is told all the same', async () => {
    expect(await immutabilityOf(1_998, [])).toEqual({
      immutability: { state: 'unknown', reason: '2001 blobs of its repositories were not asked for their locks' },
      blobsAsked: 0,
    });
    expect(await immutabilityOf(1_998, [`${NAMES[2]}.tar.gz`])).toMatchObject({ immutability: { state: 'unlocked', objects: 1 }, blobsAsked: 0 });
  });
});

describe('seals of backups that are gone', () => {
  const NOW = Date.parse('2026-03-01T03:00:00Z');
  const DATED = { format: 1, cluster: 'c', store: 'main', completedAt: 'then', sealedAt: 'now', tool: '1' } as const;
  const sealOf = (backup: string, expiresAt: string): Seal => ({
    ...DATED,
    backup,
    expiresAt,
    objects: [{ place: 'backup', key: 'k', sizeBytes: 1, etag: 'e' }],
  });
  /** A year of seals, signed, of which the newest ten are of backups that should be there. */
  const year = Array.from({ length: 365 }, (_, day) => sealOf(`b${day}`, new Date(NOW + (10 - day) * 86_400_000).toISOString()));

  it.each([
    ['as they are written', 0],
    ['as they were written, indented', 2],
  ])('are read a few at a time, and looked into only while their time is not over: %s', async (_, indent) => {
    const signatures = new FakeSignatures({ allowed: { 'key-a': ['a'] } });
    const verify = vi.spyOn(signatures, 'verify');
    let [open, most] = [0, 0];
    const read = async (name: string): Promise<Uint8Array> => {
      open += 1;
      most = Math.max(most, open);
      const seal = year.find(({ backup }) => name === `main/${backup}.json`);
      const signature = { principal: 'a', signature: await signatures.sign(seal === undefined ? '' : sealText(seal), 'key-a') };
      open -= 1;
      return Buffer.from(JSON.stringify({ seal, signature }, null, indent));
    };
    const list = async () => year.map(({ backup }) => `main/${backup}.json`);
    const seals = createSeals({ read, list, rules: { required: true, allowedSigners: 'allowed' }, signatures, signal });
    const gone = await vanishedBackups(seals, { store: 'main', present: ['b3'], now: NOW });
    expect(gone.map(({ name }) => name)).toEqual(['b0', 'b1', 'b2', 'b4', 'b5', 'b6', 'b7', 'b8', 'b9']);
    expect(gone[0]).toEqual({ name: 'b0', store: 'main', completedAt: 'then', sealedAt: 'now', reason: 'it was sealed at now and is gone from the bucket' });
    expect([most <= 2, verify.mock.calls.length]).toEqual([true, 9]);
  });
});
