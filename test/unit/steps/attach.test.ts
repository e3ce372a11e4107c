import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, lattice, PLAN_CLUSTER, PLAN_SPECS, platformCluster, TARGET, velero, yaml } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';
import { bucketWith } from './velero-bucket.ts';

const NAME = 'lattice-daily-20260301020000';
const LOCATION = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', namespace: 'velero', name: 'lattice-main' };
const LOCATION_TYPE = { apiVersion: LOCATION.apiVersion, kind: LOCATION.kind };
const PLATFORM = { fieldManager: 'lattice-backup-store-controller', signal: new AbortController().signal };
const BACKUP = { apiVersion: 'velero.io/v1', kind: 'Backup', namespace: 'velero', name: NAME };
const SNAPSHOTS = { apiVersion: 'velero.io/v1', kind: 'VolumeSnapshotLocation', namespace: 'velero', name: 'main' };
const POINT = { store: 'main', name: NAME, completedAt: '2026-03-01T02:00:00Z', volumes: ['shop/data'], withoutData: [], snapshotLocations: ['main'] };
const SECTION = { store: 'main', bucket: 'backups', volumeSnapshotLocation: { provider: 'velero.io/aws', config: { region: 'eu' } } };
const STORE = lattice('BackupStore', 'lattice-system/main', { spec: { storage: { cloudProviderRef: 'aws', s3: { bucket: 'backups', region: 'eu' } } } });

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
  /** Access modes that Velero saw, oldest first. */
  readonly modes: string[];
  run(input?: JsonObject): Promise<RunResult>;
}

interface Faults {
  readonly phase?: string;
  readonly credentials?: boolean;
  readonly stores?: string;
  readonly bucket?: ReturnType<typeof bucketWith>;
}

function world({ phase = 'Available', credentials = true, stores = yaml(STORE), bucket = bucketWith({ name: NAME }) }: Faults = {}): World {
  const cluster = platformCluster();
  const modes: string[] = [];
  if (credentials) cluster.put(core('Secret', 'velero/velero-credentials-aws', { data: {} }));
  cluster.react(LOCATION, (object) => {
    modes.push(String(object.spec?.['accessMode']));
    if (object.status?.['phase'] !== phase) cluster.put({ ...object, status: { phase, message: 'what Velero says' } });
  });
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, files: { 'stores.yaml': stores }, buckets: [bucket] });
  const run = async (input: JsonObject = {}) =>
    bench.run('backup/attach', {
      target: TARGET,
      cluster: PLAN_CLUSTER,
      specs: PLAN_SPECS,
      commit: bench.commit,
      backups: [SECTION],
      recoveryPoints: [POINT],
      ...input,
    });
  return { bench, cluster, modes, run, resume: async () => bench.resume() };
}

describe('backup/attach', () => {
  it('makes the location ReadOnly from its first instant, after its hold is journalled', async () => {
    const { run, modes, bench, cluster } = world();
    const before: string[] = [];
    cluster.inject({
      verbs: ['apply'],
      match: ({ kind }) => kind === 'BackupStorageLocation',
      times: 1,
      fault: async () => void before.push(...(await bench.journal()).map(({ type }) => type)),
    });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(new Set(modes)).toEqual(new Set(['ReadOnly']));
    expect(before).toContain('held');
    expect(result.holds).toEqual([
      expect.objectContaining({ id: 'backup-location/velero/lattice-main', kind: 'backup-location', prior: { accessMode: 'ReadWrite' } }),
    ]);
    expect(cluster.peek(BACKUP)).toMatchObject({ spec: { storageLocation: 'lattice-main' }, status: { phase: 'Completed' } });
    expect(cluster.peek(SNAPSHOTS)?.spec).toEqual({ provider: 'velero.io/aws', config: { region: 'eu' } });
    expect(cluster.watches).toBe(0);
  });

  it('takes writing away from a location that is there, and nothing else', async () => {
    const { run, cluster } = world();
    cluster.put(
      velero('BackupStorageLocation', 'lattice-main', {
        spec: { provider: 'aws', accessMode: 'ReadWrite', config: { of: 'the platform' } },
        status: { phase: 'Available' },
      }),
    );
    expect((await run()).state).toBe('succeeded');
    expect(cluster.peek(LOCATION)?.spec).toEqual({ provider: 'aws', accessMode: 'ReadOnly', config: { of: 'the platform' } });
  });

  it('tells Velero the private authority of the store, and a platform that applies its store over it takes it away from nobody', async () => {
    const { run, cluster, bench } = world();
    bench.secretFiles.files.set('/ca.crt', 'PEM of the authority');
    expect((await run({ backups: [{ ...SECTION, ca: { file: '/ca.crt' } }] })).error).toBeUndefined();
    const caCert = Buffer.from('PEM of the authority').toString('base64');
    expect(cluster.peek(LOCATION)?.spec).toMatchObject({ accessMode: 'ReadOnly', objectStorage: { bucket: 'backups', caCert } });
    await cluster.apply(
      { ...LOCATION_TYPE, metadata: { namespace: 'velero', name: 'lattice-main' }, spec: { objectStorage: { bucket: 'backups' } } },
      { ...PLATFORM, force: true },
    );
    expect(cluster.peek(LOCATION)?.spec?.['objectStorage']).toEqual({ bucket: 'backups', prefix: 'lattice-main', caCert });
  });

  it('stops before it makes anything when the credentials are missing', async () => {
    const { run, cluster } = world({ credentials: false });
    const result = await run();
    expect(result.error).toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
    expect(result.error?.message).toContain('velero/velero-credentials-aws');
    expect(result.holds).toEqual([]);
    expect(cluster.peek(LOCATION)).toBeUndefined();
  });

  it('needs the BackupStore in git', async () => {
    const { error } = await world({ stores: yaml(core('Namespace', 'shop')) }).run();
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    expect(error?.message).toContain("store 'main'");
  });

  it("says Velero's words when the location stays unavailable, and keeps the hold", async () => {
    const result = await world({ phase: 'Unavailable' }).run();
    expect(result.error).toMatchObject({ code: 'BACKUP_LOCATION_UNAVAILABLE' });
    expect(result.error?.message).toContain('what Velero says');
    expect(result.holds).toHaveLength(1);
  });

  it("waits for Velero's own sync when the bucket does not give the metadata", async () => {
    const { run, cluster, bench } = world({ bucket: bucketWith() });
    void bench.clock
      .sleep(45_000)
      .then(() => cluster.put(velero('Backup', NAME, { spec: { storageLocation: 'lattice-main' }, status: { phase: 'Completed' } })));
    expect((await run()).state).toBe('succeeded');
  });

  it('leaves a backup to Velero that its sync was faster with', async () => {
    const { run, cluster } = world();
    cluster.inject({
      verbs: ['create'],
      times: 1,
      fault: () => void cluster.put(velero('Backup', NAME, { spec: { by: 'velero' }, status: { phase: 'Completed' } })),
    });
    expect((await run()).state).toBe('succeeded');
    expect(cluster.peek(BACKUP)?.spec).toEqual({ by: 'velero' });
  });

  it('is not proven without a snapshot location that volumes are in', async () => {
    const { volumeSnapshotLocation: _none, ...section } = SECTION;
    const { error } = await world().run({ backups: [section] });
    expect(error).toMatchObject({ code: 'VERIFY_FAILED', kind: 'verification' });
    expect(JSON.stringify(error?.details)).toContain('"missingSnapshotLocations":["main"]');
  });

  it('makes the locations of all stores ReadOnly, with and without a recovery point in them, and waits only for those that have one', async () => {
    const archive = lattice('BackupStore', 'lattice-system/archive', {
      spec: { storage: { provider: 'gcs', gcs: { bucket: 'old-backups' }, cloudProviderRef: 'gcp' } },
    });
    const { run, cluster } = world({ stores: yaml(STORE, archive) });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(result.holds.map(({ id }) => id)).toEqual(['backup-location/velero/lattice-main', 'backup-location/velero/lattice-archive']);
    expect(cluster.peek({ ...LOCATION, name: 'lattice-archive' })).toMatchObject({
      spec: { accessMode: 'ReadOnly', provider: 'gcp', objectStorage: { bucket: 'old-backups', prefix: 'lattice-archive' } },
    });
  });

  it('holds the stores back although nothing is restored from any', async () => {
    const { run, modes, bench } = world({ credentials: false });
    const result = await run({ recoveryPoints: [], backups: [] });
    expect(result.holds.map(({ id }) => id)).toEqual(['backup-location/velero/lattice-main']);
    expect(new Set(modes)).toEqual(new Set(['ReadOnly']));
    expect(
      (
        await bench.plan('backup/attach', { target: TARGET, cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit, backups: [], recoveryPoints: [] })
      )[0],
    ).toMatchObject({
      subject: 'BackupStorageLocation velero/lattice-main',
    });
  });

  it('has nothing to attach without stores', async () => {
    const { run, cluster } = world({ stores: yaml(core('Namespace', 'shop')) });
    expect(stepOf(await run({ recoveryPoints: [] }))).toMatchObject({ state: 'succeeded', found: true });
    expect(cluster.requests.every(({ verb }) => verb === 'list')).toBe(true);
  });

  it('is not done while a location of desired state is writable', async () => {
    const { run, cluster } = world();
    cluster.react(LOCATION, (object) => {
      if (object.spec?.['accessMode'] === 'ReadOnly') cluster.put({ ...object, spec: { ...object.spec, accessMode: 'ReadWrite' } });
    });
    const { error } = await run({ recoveryPoints: [] });
    expect(error).toMatchObject({ code: 'VERIFY_FAILED' });
    expect(JSON.stringify(error?.details)).toContain('"notReadOnly":["lattice-main"]');
  });

  it('takes writing away from locations that no store is behind: of a chart, and written in git', async () => {
    const chart = velero('BackupStorageLocation', 'default', { spec: { provider: 'aws', accessMode: 'ReadWrite' } });
    const written = velero('BackupStorageLocation', 'ours', { spec: { provider: 'aws' } });
    const { run, cluster } = world({ stores: yaml(STORE, written) });
    for (const location of [chart, written]) cluster.put(location);
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(result.holds.map(({ id, prior }) => [id, prior['accessMode']])).toEqual([
      ['backup-location/velero/lattice-main', 'ReadWrite'],
      ['backup-location/velero/default', 'ReadWrite'],
      // Applying the specs holds it by this id, and so not a second time.
      ['backupstoragelocation/velero/ours', 'ReadWrite'],
    ]);
    for (const name of ['lattice-main', 'default', 'ours']) expect(cluster.peek({ ...LOCATION, name })?.spec?.['accessMode'], name).toBe('ReadOnly');
  });

  it('stays ReadOnly when the platform applies its store over it, and is not made writable by a resume after that', async () => {
    const { run, cluster, bench } = world();
    let applied = false;
    cluster.react(LOCATION, (object) => {
      if (applied || object.status?.['phase'] !== 'Available') return;
      applied = true;
      // What the platform sends, forced, leaves accessMode out (backup_store_controller.rs).
      const { accessMode: _ours, ...spec } = object.spec ?? {};
      void cluster.apply({ ...LOCATION_TYPE, metadata: { name: LOCATION.name, namespace: LOCATION.namespace }, spec }, { ...PLATFORM, force: true });
    });
    expect((await run()).error).toBeUndefined();
    expect(applied).toBe(true);
    expect(cluster.peek(LOCATION)?.spec?.['accessMode']).toBe('ReadOnly');
    expect((await bench.resume()).holds).toHaveLength(1);
  });

  const NEVER_WRITABLE = velero('BackupStorageLocation', 'lattice-main', { spec: { provider: 'aws', accessMode: 'ReadOnly' } });

  it('puts nothing aside that was ReadOnly before, so that a release does not make it writable', async () => {
    const { run, cluster } = world();
    cluster.put(NEVER_WRITABLE);
    expect((await run()).holds).toEqual([]);
    const inGit = await world({ stores: yaml(STORE, NEVER_WRITABLE) }).run();
    expect(inGit).toMatchObject({ state: 'succeeded', holds: [] });
  });

  it('never makes it writable, wherever it is killed', async () => {
    await crashEverywhere(world, ({ modes, cluster }, result, where) => {
      expect(result.error, where).toBeUndefined();
      expect(new Set(modes), where).toEqual(new Set(['ReadOnly']));
      expect(result.holds.length, where).toBe(1);
      expect(cluster.requests.filter(({ verb, ref }) => verb === 'create' && ref.kind === 'Backup').length, where).toBe(1);
    });
  });
});
