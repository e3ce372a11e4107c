import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { type JudgedBackup, judgeBackup } from '../../../src/steps/recovery/judge-backup.ts';
import { createSeals, NO_SEALS } from '../../../src/steps/recovery/seals.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { encryptForTest } from '../../fakes/memory-secret-files.ts';
import { withEveryFile } from '../../support/every-file.ts';
import { type Attack, attacksOn, corpusBackups, packed, unpacked } from '../../support/velero-corpus.ts';
import { core, encoded, lattice, PLAN_SPECS, platformCluster, yaml } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';
import { sealAll } from '../steps/velero-bucket.ts';

const REAL = corpusBackups();
/** The real two, with what they have none of. */
const [VICTIM, OTHER] = [withEveryFile(REAL[0], 'first'), withEveryFile(REAL[1], 'second')];
const ATTACKS = attacksOn(VICTIM, OTHER);
const SECTION = {
  store: 'small-backups',
  bucket: 'lattice-backups',
  clusterBackup: 'small-data',
  volumeSnapshotLocation: { provider: 'lattice-dr.dev/directory', config: { bucket: 'lattice-volumes', prefix: 'volumes' } },
} as const;
/** Of the repository, which is of no form that is known here: nobody tries the password. */
const PASSWORD = core('Secret', 'velero/velero-repo-credentials', encoded({ 'repository-password': 'original' }));
const COMPLETED = Date.parse(VICTIM.completedAt);
const { signal } = new AbortController();

interface World {
  readonly bench: StepBench;
  attack(attack: Attack): void;
  judge(): Promise<JudgedBackup>;
  /** What preflight says when a person accepts the backup by name, and when nobody does. */
  preflight(accepted?: readonly string[]): Promise<string | undefined>;
}

/** Full maintenance of Kopia removes packs too. */
function looksLikeMaintenance({ name }: Attack): boolean {
  return /^delete repository\/shop\/[pq]/.test(name);
}

/** The buckets of the lab as they were when the backup was complete. */
async function world(options: { readonly versioned: boolean; readonly sealed: boolean }, backup = VICTIM): Promise<World> {
  const buckets = ['lattice-backups', 'lattice-volumes'].map((name) => new MemoryObjectStore(name));
  for (const bucket of buckets) bucket.versioned = options.versioned;
  const bucketOf = (file: string) => buckets[file.startsWith('volumes/') ? 1 : 0];
  for (const [file, content] of Object.entries(backup.files)) bucketOf(file)?.put(backup.keyOf(file), content, backup.completedAt);
  const bench = new StepBench({
    clusters: { 'ours.yaml': platformCluster() },
    buckets,
    files: {
      'specs.yaml': yaml(
        lattice('LatticeCluster', 'workload', { spec: { latticeImage: 'registry.invalid/lattice:1' } }),
        lattice('BackupStore', 'lattice-system/small-backups', { spec: { storage: {} } }),
      ),
    },
    startsAt: new Date(COMPLETED + 10 * 60_000).toISOString(),
  });
  bench.secretFiles.files.set('dr.txt', 'identity');
  bench.secretFiles.files.set('originals.age', new TextDecoder().decode(encryptForTest(yaml(PASSWORD), 'identity')));
  if (options.sealed) await sealAll(bench, SECTION);
  const read = async (name: string) => await bench.store.get(`seals/workload/${name}`);
  const seals = options.sealed ? createSeals({ read, list: async () => [], rules: { required: false }, signatures: new FakeSignatures({}), signal }) : NO_SEALS;
  const given: JsonObject = {
    cluster: { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'ours.yaml' } } },
    specs: PLAN_SPECS,
    commit: bench.commit,
    secrets: [{ groups: ['velero'], from: { age: 'originals.age', identity: { file: 'dr.txt' } } }],
    backups: [SECTION],
    objectives: { rto: '40m', rpo: '30m' },
  };
  return {
    bench,
    attack({ changes, isLate }) {
      const at = new Date(COMPLETED + (isLate === true ? 24 * 3_600_000 : 0)).toISOString();
      for (const [file, content] of Object.entries(changes)) {
        if (content === null) bucketOf(file)?.remove(backup.keyOf(file), at);
        else bucketOf(file)?.put(backup.keyOf(file), content, at);
      }
    },
    judge: async () => await judgeBackup(bench.ports, SECTION, { name: VICTIM.name, now: bench.clock.now(), seals, signal, read: 'enough' }),
    preflight: async (accepted = [VICTIM.name]) =>
      (await bench.run('preflight/check', { ...given, acceptUnanchored: accepted }, { time: 'stands' })).error?.code,
  };
}

it('the real backup itself is in order: nothing speaks against it, and sealed it is taken', async () => {
  const unsealed = await world({ versioned: true, sealed: false }, REAL[0]);
  const { verdict, tarball, volumes } = await unsealed.judge();
  expect(verdict).toMatchObject({ state: 'unanchored', warnings: [] });
  expect(tarball).toMatchObject({ formatVersion: '1.1.0', entries: expect.any(Number) });
  expect(tarball?.items.size).toBe(89);
  expect(volumes).toBe('not checked');
  const sealed = await world({ versioned: true, sealed: true }, REAL[0]);
  expect((await sealed.judge()).verdict.state).toBe('sealed-equal');
  expect(await sealed.preflight()).toBeUndefined();
});

it('with every kind of file it is in order too: bytes of its volumes are the sealed ones, and before it is sealed nobody has looked at them', async () => {
  const { verdict, volumes, tarball } = await (await world({ versioned: true, sealed: false })).judge();
  expect({ ...verdict, reasons: verdict.reasons.length }).toEqual({ state: 'unanchored', reasons: 1, warnings: [] });
  expect([volumes, tarball?.items.size]).toEqual(['not checked', 90]);
  const sealed = await (await world({ versioned: true, sealed: true })).judge();
  expect([sealed.verdict.state, sealed.volumes]).toEqual(['sealed-equal', 'sealed']);
});

it('of a repository, blobs that later backups add and those that Kopia rewrites by itself are no difference', async () => {
  const { attack, judge } = await world({ versioned: true, sealed: true });
  const [blob, index] = [Buffer.from('of a later backup'), 'repository/shop/xn0_0123456789'];
  const happen = (changes: Attack['changes']): void => attack({ name: 'growth', isConsistent: true, isLate: true, changes });
  happen({ 'repository/shop/p0123456789abcdef': blob, [index]: blob });
  expect((await judge()).verdict).toMatchObject({ state: 'sealed-equal', warnings: [] });
  happen({ [index]: null });
  expect((await judge()).verdict).toMatchObject({ state: 'sealed-equal', warnings: [] });
});

/** Somebody deletes these packs of the repository. */
function loss(isLost: (pack: string) => boolean): Attack {
  const packs = Object.keys(VICTIM.files).filter((file) => /^repository\/shop\/[pq]/.test(file) && isLost(file.slice('repository/shop/'.length)));
  return { name: 'loss', isConsistent: false, changes: Object.fromEntries(packs.map((file) => [file, null])) };
}

it.each<[string, (pack: string) => boolean]>([
  ['all packs', () => true],
  ['all packs of data', (pack) => pack.startsWith('p')],
  ['all packs of metadata', (pack) => pack.startsWith('q')],
])('of a repository that has lost %s nothing is restored, whatever a person accepts', async (_, isLost) => {
  const { attack, judge, preflight } = await world({ versioned: true, sealed: true });
  attack(loss(isLost));
  expect((await judge()).verdict).toMatchObject({ state: 'bad', reasons: expect.arrayContaining([expect.stringContaining('any more')]) });
  expect(await preflight()).toBe('BACKUP_BAD');
});

it('of a repository that has lost most of its packs nothing is restored unless a person accepts it', async () => {
  const { attack, judge, preflight } = await world({ versioned: true, sealed: true });
  const [kept] = Object.keys(loss((pack) => pack.startsWith('p')).changes);
  attack(loss((pack) => kept !== `repository/shop/${pack}`));
  attack({ ...loss(() => true), changes: { 'repository/shop/q0123456789abcdef': Buffer.from('of later maintenance') } });
  const { verdict, volumes } = await judge();
  expect([verdict.state, volumes, verdict.reasons]).toEqual(['unanchored', 'not checked', [expect.stringContaining('3 are gone, most of its bytes')]]);
  expect([await preflight([]), await preflight()]).toEqual(['BACKUP_UNANCHORED', undefined]);
});

it.each<[string, JsonObject, string, readonly string[]]>([
  ['moved into a repository, which is sealed then', { snapshotDataMoved: true }, 'sealed', ['bank', 'shop']],
  ['left with its driver', {}, 'not checked', ['shop']],
])('of a volume whose CSI snapshot was %s, its bytes are told as what they are', async (...[, more, volumes, repositories]) => {
  const info = 'backup/*-volumeinfo.json.gz';
  const csi = { pvcNamespace: 'bank', pvcName: 'ledger', result: 'succeeded', backupMethod: 'CSISnapshot', ...more };
  const entries = unpacked(VICTIM.files[info] ?? new Uint8Array()) as readonly JsonObject[];
  const files = {
    ...VICTIM.files,
    [info]: packed([...entries, csi]),
    ...Object.fromEntries(['kopia.repository', 'p0123', 'q0123'].map((blob) => [`repository/bank/${blob}`, Buffer.from(blob)])),
  };
  const judged = await (await world({ versioned: true, sealed: true }, { ...VICTIM, files })).judge();
  expect([judged.verdict.state, judged.volumes]).toEqual(['sealed-equal', volumes]);
  const found = judged.objects.flatMap(({ place, key }) => (place === 'repository' ? [key.split('/')[0] ?? ''] : []));
  expect([...new Set(found)].toSorted()).toEqual(repositories);
});

it('the corpus has every kind of attack, on every kind of file', () => {
  const kinds = new Set(ATTACKS.map(({ name }) => name.split(' ')[0] ?? ''));
  expect([...kinds].toSorted()).toEqual(['add', 'delete', 'flip', 'image', 'late', 'object', 'policy', 'replace', 'swap', 'truncate']);
  const onFiles = (kind: string): readonly string[] => {
    const attacks = ATTACKS.filter(({ name }) => name.startsWith(`${kind} `)).map(({ name }) => name.slice(kind.length + 1));
    return [...new Set(attacks.map((file) => file.replace(/\/\d\//, '/N/').replace(/\/([pq])[0-9a-f]+$/, '/$1…')))].toSorted();
  };
  for (const kind of ['truncate', 'swap', 'replace', 'delete']) expect(onFiles(kind), kind).toEqual(onFiles('flip'));
  expect(onFiles('flip')).toEqual([
    'backup/*-csi-volumesnapshotclasses.json.gz',
    'backup/*-csi-volumesnapshotcontents.json.gz',
    'backup/*-csi-volumesnapshots.json.gz',
    'backup/*-itemoperations.json.gz',
    'backup/*-logs.gz',
    'backup/*-podvolumebackups.json.gz',
    'backup/*-resource-list.json.gz',
    'backup/*-results.gz',
    'backup/*-volumeinfo.json.gz',
    'backup/*-volumesnapshots.json.gz',
    'backup/*.tar.gz',
    'backup/velero-backup.json',
    'repository/shop/kopia.blobcfg',
    'repository/shop/kopia.repository',
    'repository/shop/p…',
    'repository/shop/q…',
    'volumes/N/manifest.json',
    'volumes/N/volume.tar.gz',
  ]);
});

describe.each([
  ['a bucket that keeps versions', true],
  ['a bucket that keeps none', false],
])('in %s', (_, versioned) => {
  it.each(ATTACKS.map((attack) => [attack.name, attack] as const))(
    'sealed: %s is caught, and nothing of it is restored, whatever a person accepts (one pack that is gone is told, and it is restored: maintenance does that too)',
    async (__, attack) => {
      const { bench, judge, preflight, attack: strike } = await world({ versioned, sealed: true });
      strike(attack);
      if (looksLikeMaintenance(attack)) {
        const { verdict, volumes } = await judge();
        expect([verdict.state, volumes]).toEqual(['sealed-equal', 'not checked']);
        expect(verdict.warnings).toContainEqual(expect.stringContaining('1 packs are gone since it was sealed'));
        expect(await preflight([])).toBeUndefined();
        return;
      }
      expect((await judge()).verdict.state).toBe('bad');
      bench.events.length = 0;
      expect(await preflight()).toMatch(/^BACKUP_(BAD|NOT_USABLE)$/);
    },
  );

  it.each(ATTACKS.map((attack) => [attack.name, attack] as const))('unsealed: %s is never called good', async (__, attack) => {
    const { judge, attack: strike } = await world({ versioned, sealed: false });
    strike(attack);
    const { verdict } = await judge();
    if (attack.isConsistent) expect(verdict, verdict.reasons.join('; ')).toMatchObject({ state: 'unanchored' });
    else expect(['unanchored', 'bad']).toContain(verdict.state);
  });
});
