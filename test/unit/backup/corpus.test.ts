import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { type JudgedBackup, judgeBackup } from '../../../src/steps/recovery/judge-backup.ts';
import { createSeals, NO_SEALS } from '../../../src/steps/recovery/seals.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { type Attack, attacksOn, corpusBackups } from '../../support/velero-corpus.ts';
import { lattice, PLAN_SPECS, platformCluster, yaml } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';
import { sealAll } from '../steps/velero-bucket.ts';

const [VICTIM, OTHER] = corpusBackups();
const ATTACKS = attacksOn(VICTIM, OTHER);
const SECTION = {
  store: 'small-backups',
  bucket: 'lattice-backups',
  clusterBackup: 'small-data',
  volumeSnapshotLocation: { provider: 'lattice-dr.dev/directory', config: { bucket: 'lattice-volumes', prefix: 'volumes' } },
} as const;
const COMPLETED = Date.parse(VICTIM.completedAt);
const { signal } = new AbortController();

interface World {
  readonly bench: StepBench;
  attack(attack: Attack): void;
  judge(): Promise<JudgedBackup>;
  /** What preflight says, whatever a person accepts. */
  preflight(): Promise<string | undefined>;
}

/** The buckets of the lab as they were when the backup was complete. */
async function world(options: { readonly versioned: boolean; readonly sealed: boolean }): Promise<World> {
  const buckets = ['lattice-backups', 'lattice-volumes'].map((name) => new MemoryObjectStore(name));
  for (const bucket of buckets) bucket.versioned = options.versioned;
  const bucketOf = (file: string) => buckets[file.startsWith('volumes/') ? 1 : 0];
  for (const [file, content] of Object.entries(VICTIM.files)) bucketOf(file)?.put(VICTIM.keyOf(file), content, VICTIM.completedAt);
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
  if (options.sealed) await sealAll(bench, SECTION);
  const read = async (name: string) => await bench.store.get(`seals/workload/${name}`);
  const seals = options.sealed ? createSeals({ read, list: async () => [], rules: { required: false }, signatures: new FakeSignatures({}), signal }) : NO_SEALS;
  const given: JsonObject = {
    cluster: { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'ours.yaml' } } },
    specs: PLAN_SPECS,
    commit: bench.commit,
    backups: [SECTION],
    objectives: { rto: '40m', rpo: '30m' },
  };
  return {
    bench,
    attack({ changes, isLate }) {
      const at = new Date(COMPLETED + (isLate === true ? 24 * 3_600_000 : 0)).toISOString();
      for (const [file, content] of Object.entries(changes)) {
        if (content === null) bucketOf(file)?.remove(VICTIM.keyOf(file), at);
        else bucketOf(file)?.put(VICTIM.keyOf(file), content, at);
      }
    },
    judge: async () => await judgeBackup(bench.ports, SECTION, { name: VICTIM.name, now: bench.clock.now(), seals, signal, read: 'enough' }),
    preflight: async () => (await bench.run('preflight/check', { ...given, acceptUnanchored: [VICTIM.name] }, { time: 'stands' })).error?.code,
  };
}

it('the real backup itself is in order: nothing speaks against it, and sealed it is taken', async () => {
  const unsealed = await world({ versioned: true, sealed: false });
  const { verdict, tarball, volumes } = await unsealed.judge();
  expect(verdict).toMatchObject({ state: 'unanchored', warnings: [] });
  expect(tarball).toMatchObject({ formatVersion: '1.1.0', entries: expect.any(Number) });
  expect(tarball?.items.size).toBe(89);
  expect(volumes).toBe('not checked');
  const sealed = await world({ versioned: true, sealed: true });
  expect((await sealed.judge()).verdict.state).toBe('sealed-equal');
  expect(await sealed.preflight()).toBeUndefined();
});

it('the corpus has every kind of file and every kind of attack', () => {
  const kinds = new Set(ATTACKS.map(({ name }) => name.split(' ')[0] ?? ''));
  expect([...kinds].toSorted()).toEqual(['add', 'delete', 'flip', 'image', 'late', 'object', 'policy', 'replace', 'swap', 'truncate']);
  const files = new Set(ATTACKS.filter(({ name }) => name.startsWith('flip')).map(({ name }) => name.slice('flip '.length).replace(/\/\d\//, '/N/')));
  expect([...files].toSorted()).toEqual([
    'backup/*-itemoperations.json.gz',
    'backup/*-logs.gz',
    'backup/*-podvolumebackups.json.gz',
    'backup/*-resource-list.json.gz',
    'backup/*-results.gz',
    'backup/*-volumeinfo.json.gz',
    'backup/*-volumesnapshots.json.gz',
    'backup/*.tar.gz',
    'backup/velero-backup.json',
    'volumes/N/manifest.json',
    'volumes/N/volume.tar.gz',
  ]);
});

describe.each([
  ['a bucket that keeps versions', true],
  ['a bucket that keeps none', false],
])('in %s', (_, versioned) => {
  it.each(ATTACKS.map((attack) => [attack.name, attack] as const))(
    'sealed: %s is caught, and nothing of it is restored, whatever a person accepts',
    async (__, attack) => {
      const { bench, judge, preflight, attack: strike } = await world({ versioned, sealed: true });
      strike(attack);
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
