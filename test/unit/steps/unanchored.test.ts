import { describe, expect, it, vi } from 'vitest';
import { NOBODY } from '../../../src/engine/prompter.ts';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { assertUnchanged } from '../../../src/steps/recovery/contents.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { tarOf } from '../../support/velero-tarball.ts';
import { keyOf, putWhole, type WholeBackup } from '../backup/whole-backup.ts';
import { lattice, PLAN_SPECS, platformCluster, yaml } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';
import { packed, sealAll } from './velero-bucket.ts';

const NEW = 'lattice-daily-20260301020000';
const OLD = 'lattice-daily-20260228020000';
const SECTION = {
  store: 'main',
  bucket: 'backups',
  clusterBackup: 'daily',
  volumeSnapshotLocation: { provider: 'lattice-dr.dev/directory', config: { bucket: 'backups', prefix: 'volumes' } },
} as const;

interface World {
  readonly bucket: MemoryObjectStore;
  readonly bench: StepBench;
  seal(): Promise<void>;
  preflight(accept?: readonly string[], extra?: JsonObject): Promise<RunResult>;
  /** The comparison with git, and the gate before anything is destroyed, with what preflight chose. */
  compare(point: JsonObject): Promise<RunResult>;
  confirm(point: JsonObject, meanwhile?: () => void): Promise<RunResult>;
}

/** A bucket that keeps versions, and a preflight that has nothing else to find. */
function world(...backups: readonly WholeBackup[]): World {
  const bucket = new MemoryObjectStore('backups');
  bucket.versioned = true;
  putWhole(bucket, ...backups);
  const bench = new StepBench({
    clusters: { 'ours.yaml': platformCluster() },
    buckets: [bucket],
    files: {
      'specs.yaml': yaml(
        lattice('LatticeCluster', 'workload', { spec: { latticeImage: 'registry.invalid/lattice:1' } }),
        lattice('BackupStore', 'lattice-system/main', { spec: { storage: {} } }),
      ),
    },
  });
  const given = {
    cluster: { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'ours.yaml' } } },
    specs: PLAN_SPECS,
    commit: bench.commit,
    backups: [SECTION],
    objectives: { rto: '40m', rpo: '30m' },
  };
  return {
    bucket,
    bench,
    seal: async () => await sealAll(bench, SECTION),
    preflight: async (accept = [], extra = {}) => await bench.run('preflight/check', { ...given, acceptUnanchored: accept, ...extra }, { time: 'stands' }),
    compare: async (point) => await bench.run('integrity/compare', { ...given, recoveryPoints: [point] }, { time: 'stands' }),
    confirm: async (point, meanwhile = () => undefined) =>
      await bench.run(
        'gate/confirm',
        { ...given, sources: [], lost: [], recoveryPoints: [point] },
        {
          gate: { confirm: 'cluster', reason: 'it is gone for good' },
          prompter: {
            ...NOBODY,
            ask: async () => {
              meanwhile();
              return { answer: 'approved', by: 'ann', typed: 'workload' };
            },
          },
        },
      ),
  };
}

function chosen(result: RunResult): JsonObject {
  expect(result.error?.message).toBeUndefined();
  const points = stepOf(result).outputs?.['recoveryPoints'] as readonly JsonObject[] | undefined;
  return points?.[0] ?? {};
}

describe('what preflight takes to restore from', () => {
  it('is the newest sealed one that is what it was, of which nothing large is read', async () => {
    const { bucket, seal, preflight } = world({ name: NEW }, { name: OLD });
    await seal();
    bucket.reads.length = 0;
    expect(chosen(await preflight())).toMatchObject({ name: NEW, verdict: 'sealed-equal', passedOver: [] });
    expect(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).toEqual([]);
  });

  it('is nothing when nothing is vouched for, and the way out is named: exit 4', async () => {
    const { preflight, bucket } = world({ name: NEW });
    const { error } = await preflight();
    expect(error).toMatchObject({ code: 'BACKUP_UNANCHORED', kind: 'precondition' });
    expect(error?.suggestions.join('\n')).toContain(`--accept-unanchored ${NEW}`);
    expect(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).toEqual([]);
  });

  it('is an unanchored one that a person has accepted, read to its end once', async () => {
    const { preflight, bucket } = world({ name: NEW });
    const point = chosen(await preflight([NEW]));
    expect(point).toMatchObject({ name: NEW, verdict: 'unanchored', contents: expect.stringMatching(/^sha256:/) });
    expect(bucket.reads.filter((key) => key.endsWith(`${NEW}.tar.gz`))).toHaveLength(1);
  });

  it('is it only with the contents that were accepted, when they were named', async () => {
    const { preflight, bucket } = world({ name: NEW });
    const contents = String(chosen(await preflight([NEW]))['contents']);
    expect(chosen(await preflight([`${NEW}@${contents}`]))).toMatchObject({ name: NEW });
    putWhole(bucket, { name: NEW, claims: ['shop/data', 'shop/other'] });
    const { error } = await preflight([`${NEW}@${contents}`]);
    expect(error).toMatchObject({ code: 'BACKUP_UNANCHORED', message: expect.stringContaining('accepted with other contents') });
  });

  it('is never a bad one, accepted or not', async () => {
    const broken = { name: NEW, files: { '.tar.gz': new Uint8Array([1, 2, 3]) } };
    expect((await world(broken).preflight([NEW])).error).toMatchObject({ code: 'BACKUP_BAD', message: expect.stringContaining('cannot be read to its end') });
    const altered = world({ name: NEW });
    await altered.seal();
    altered.bucket.put(keyOf(NEW, '.tar.gz'), 'other', '2026-03-01T02:00:00Z');
    expect((await altered.preflight([NEW])).error).toMatchObject({ code: 'BACKUP_BAD' });
  });

  it('is an older one that is vouched for, and the newer ones that are not are told', async () => {
    const { preflight, seal, bucket } = world({ name: OLD });
    await seal();
    putWhole(bucket, { name: NEW, claims: ['shop/new'] });
    const result = await preflight();
    expect(chosen(result)).toMatchObject({ name: OLD, passedOver: [{ name: NEW, reason: expect.stringContaining('unanchored') }] });
    expect(chosen(await preflight([NEW]))).toMatchObject({ name: NEW });
  });

  it('is an older one when the newest that was sealed is gone, which is told', async () => {
    const { preflight, seal, bucket } = world({ name: NEW, claims: ['shop/new'] }, { name: OLD, claims: ['shop/old'] });
    await seal();
    const empty = async (name: string): Promise<void> => {
      const { objects } = await bucket.list({ prefix: `lattice-main/backups/${name}/`, signal: new AbortController().signal });
      for (const { key } of objects) bucket.remove(key);
    };
    await empty(NEW);
    expect(chosen(await preflight())).toMatchObject({
      name: OLD,
      passedOver: [{ name: NEW, reason: expect.stringMatching(/^it was sealed at .* and is gone from the bucket$/) }],
    });
    await empty(OLD);
    const { error } = await preflight();
    expect(error).toMatchObject({ code: 'BACKUP_NOT_USABLE', message: expect.stringContaining(`${NEW}: it was sealed at`) });
  });

  it('is an older one when somebody has altered the newest, or one of its volumes', async () => {
    const { preflight, seal, bucket } = world({ name: NEW, claims: ['shop/new'] }, { name: OLD, claims: ['shop/old'] });
    await seal();
    bucket.put('volumes/pv-shop-new-0123/volume.tar.gz', 'other bytes', '2026-03-01T02:00:00Z');
    expect(chosen(await preflight())).toMatchObject({ name: OLD, passedOver: [{ name: NEW, reason: expect.stringContaining('volumes/pv-shop-new-0123') }] });
  });

  it('is one whose repository has been maintained since: indexes, logs and packs may be written anew, the format may not', async () => {
    const pod = { spec: { pod: { namespace: 'shop' } }, status: { phase: 'Completed' } };
    const { preflight, seal, bucket } = world({ name: NEW, files: { '-podvolumebackups.json.gz': packed([pod]) } });
    const repository = 'lattice-main/kopia/shop/';
    for (const blob of ['kopia.repository', 'p0123', 'p4567', 'p89ab', 'xn0_0123', '_log_20260301'])
      bucket.put(`${repository}${blob}`, blob, '2026-03-01T02:00:00Z');
    await seal();
    for (const blob of ['xn0_0123', '_log_20260301', 'p0123']) bucket.remove(`${repository}${blob}`);
    expect(chosen(await preflight())).toMatchObject({ name: NEW, verdict: 'sealed-equal' });
    bucket.put(`${repository}kopia.repository`, 'another', '2026-03-01T02:00:00Z');
    expect((await preflight()).error).toMatchObject({ code: 'BACKUP_BAD', message: expect.stringContaining('repository/shop/kopia.repository') });
    bucket.remove(`${repository}kopia.repository`);
    expect((await preflight()).error).toMatchObject({
      code: 'BACKUP_BAD',
      message: expect.stringContaining('repository/shop/kopia.repository is gone since it was sealed'),
    });
  });

  it('is one whose repository was copied to where ETags are of the copy, when a person accepts it: with contents, these very blobs', async () => {
    const pod = { spec: { pod: { namespace: 'shop' } }, status: { phase: 'Completed' } };
    const { preflight, seal, bucket } = world({ name: NEW, files: { '-podvolumebackups.json.gz': packed([pod]) } });
    const repository = 'lattice-main/kopia/shop/';
    for (const blob of ['kopia.repository', 'p0123', 'q0123']) bucket.put(`${repository}${blob}`, blob, '2026-03-01T02:00:00Z');
    const list = bucket.list.bind(bucket);
    let generation = '1764530000000001';
    vi.spyOn(bucket, 'list').mockImplementation(async (options) => {
      const { objects, prefixes } = await list(options);
      return { prefixes, objects: objects.map((object) => (object.key.startsWith(repository) ? { ...object, etag: generation } : object)) };
    });
    await seal();
    expect(chosen(await preflight())).toMatchObject({ verdict: 'sealed-equal' });
    generation = '1764540000000002';
    bucket.reads.length = 0;
    const { error } = await preflight();
    expect(error).toMatchObject({ code: 'BACKUP_UNANCHORED', message: expect.stringContaining('3 blobs of its repositories have the size that was sealed') });
    expect(error?.message).not.toContain('have to be read');
    expect(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).toEqual([]);
    expect(chosen(await preflight([NEW]))).toMatchObject({ name: NEW, verdict: 'unanchored' });
    const other = (await preflight([`${NEW}@sha256:${'0'.repeat(64)}`])).error?.message ?? '';
    const accepted = `${NEW}@${/found (sha256:[0-9a-f]{64})/.exec(other)?.[1] ?? ''}`;
    expect(chosen(await preflight([accepted]))).toMatchObject({ name: NEW, verdict: 'unanchored' });
    generation = '1764550000000003';
    expect((await preflight([accepted])).error).toMatchObject({ message: expect.stringContaining('accepted with other contents') });
  });

  it('counts no seal without a signature where the plan requires one', async () => {
    const { preflight, seal } = world({ name: NEW });
    await seal();
    const { error } = await preflight([], { approvals: { allowedSigners: { file: '/signers' }, required: true } });
    expect(error).toMatchObject({ code: 'BACKUP_UNANCHORED', message: expect.stringContaining('requires signatures') });
  });
});

describe('a backup of specs alone that was never sealed', () => {
  const STORE = lattice('BackupStore', 'lattice-system/main', { spec: { storage: {} } });
  const of = (name: string, ...objects: readonly KubeObject[]): WholeBackup => ({
    name,
    claims: [],
    files: {
      '.tar.gz': tarOf({
        'metadata/version': '1.1.0\n',
        ...Object.fromEntries(
          objects.map((object) => [`resources/backupstores.lattice.dev/namespaces/lattice-system/${object.metadata.name}.json`, JSON.stringify(object)]),
        ),
      }),
      '-resource-list.json.gz': packed({ 'lattice.dev/v1alpha1/BackupStore': objects.map(({ metadata: { name: own } }) => `lattice-system/${own}`) }),
    },
    status: { volumeSnapshotsAttempted: 0, volumeSnapshotsCompleted: 0 },
    spec: { includedResources: ['backupstores.lattice.dev'] },
  });
  const OTHER_STORE = { ...STORE, spec: { storage: { provider: 's3' } } };

  it('is taken when git says the same of every object in it', async () => {
    const { preflight } = world(of(NEW, STORE));
    expect(chosen(await preflight())).toMatchObject({ name: NEW, verdict: 'git-equal' });
  });

  it.each<[string, readonly KubeObject[], string]>([
    ['one object is another', [OTHER_STORE], 'BackupStore lattice-system/main (spec)'],
    ['there is one more', [STORE, lattice('BackupStore', 'lattice-system/more', { spec: {} })], 'BackupStore lattice-system/more'],
    ['git has one more', [], 'never sealed'],
  ])('is not when %s', async (_, objects, told) => {
    const { preflight } = world(of(NEW, ...objects));
    const { error } = await preflight();
    expect(error).toMatchObject({ code: 'BACKUP_UNANCHORED' });
    expect(error?.message).toContain(told);
  });

  it('costs a download of the newest three at most', async () => {
    const names = [1, 2, 3, 4, 5].map((day) => `lattice-daily-2026020${day}020000`);
    const { preflight, bucket } = world(...names.map((name) => of(name, OTHER_STORE)));
    expect((await preflight()).error).toMatchObject({ code: 'BACKUP_UNANCHORED' });
    expect(new Set(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).size).toBe(3);
  });
});

describe('between preflight and the restore', () => {
  const { signal } = new AbortController();

  it.each<[string, (bucket: MemoryObjectStore) => void]>([
    ['a file of it', (bucket) => bucket.put(keyOf(NEW, '-results.gz'), 'x', '2026-03-01T03:00:00Z')],
    ['the very same bytes written again', (bucket) => putWhole(bucket, { name: NEW })],
    ['a file added', (bucket) => bucket.put(keyOf(NEW, '-more.gz'), 'x')],
    ['a file deleted', (bucket) => bucket.remove(keyOf(NEW, '-logs.gz'))],
    ['the bytes of a volume', (bucket) => bucket.put('volumes/pv-shop-data-0123/volume.tar.gz', 'x')],
  ])('%s is noticed', async (_, change) => {
    const { preflight, bench, bucket } = world({ name: NEW });
    const point = chosen(await preflight([NEW])) as { readonly name: string; readonly contents: string };
    await expect(assertUnchanged(bench.ports, SECTION, { point, signal })).resolves.toBeUndefined();
    change(bucket);
    await expect(assertUnchanged(bench.ports, SECTION, { point, signal })).rejects.toMatchObject({
      code: 'BACKUP_BAD',
      message: expect.stringContaining('is not what was judged'),
    });
  });

  it('the comparison with git, and the gate before anything is destroyed, take what was judged and nothing else', async () => {
    const { preflight, compare, confirm, bucket } = world({ name: NEW });
    const point = chosen(await preflight([NEW]));
    expect((await compare(point)).error).toBeUndefined();
    expect((await confirm(point)).state).toBe('succeeded');
    // Rewritten so that all its files agree, while somebody reads what is asked.
    const rewrite = (): void => putWhole(bucket, { name: NEW, claims: ['shop/other'] });
    const changed = {
      code: 'BACKUP_BAD',
      kind: 'precondition',
      message: expect.stringContaining(`backup '${NEW}' in store 'main' is not what was judged before`),
    };
    expect((await confirm(point, rewrite)).error).toMatchObject(changed);
    expect((await compare(point)).error).toMatchObject(changed);
  });

  it('nothing is asked about a point of a run from before contents were noted', async () => {
    await expect(assertUnchanged(new StepBench().ports, SECTION, { point: { name: NEW }, signal })).resolves.toBeUndefined();
  });
});
