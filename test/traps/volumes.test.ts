import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { introducedBackup } from '../../src/backup/location.ts';
import { backupKeys } from '../../src/backup/velero-layout.ts';
import { isDrError } from '../../src/errors/dr-error.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { ensureSnapshotLocation } from '../../src/lab/seed/take-backup.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { ObjectStore } from '../../src/ports/object-store.ts';
import { loadRecoveryPlan } from '../../src/runbook/load-plan.ts';
import { backupAttach } from '../../src/steps/backup/attach.ts';
import { clusterProvision } from '../../src/steps/cluster/provision.ts';
import { clusterReady } from '../../src/steps/cluster/ready.ts';
import { clusterRetire } from '../../src/steps/cluster/retire.ts';
import { preflightCheck } from '../../src/steps/preflight/check.ts';
import { secretsRestore } from '../../src/steps/secrets/restore.ts';
import { specsApply } from '../../src/steps/specs/apply.ts';
import { volumesRecover } from '../../src/steps/volumes/recover.ts';
import { volumesRestore } from '../../src/steps/volumes/restore.ts';
import { volumesSources } from '../../src/steps/volumes/sources.ts';
import { RESTORE_NAME_LABEL } from '../../src/steps/volumes/velero-restore.ts';
import { readS3Access } from '../integration/lab-logs.ts';
import { until } from '../integration/platform-world.ts';
import { type Kubectl, kubectlFor } from '../support/kubectl.ts';
import { volumeDigest } from '../support/pod-answers.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { StepBench } from '../support/step-bench.ts';
import { phaseOf } from './trap-lab.ts';

const VELERO_BACKUP = { apiVersion: 'velero.io/v1', kind: 'Backup' } as const;
const DATABASES = ['orders-db', 'stock-db'];
const CLAIMS = ['shop/stock-db-data', 'shop/vol-orders-data'];
const LIMIT_MS = 9 * 60_000;

/** Traps of backups and volumes, on the small world after its cluster was lost and provisioned again, with its secrets and nothing else. */
describe('traps of backups and volumes', { timeout: 240_000 }, () => {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const stack = new AsyncDisposableStack();
  let world: RebuildWorld;
  let bench: StepBench;
  let cluster: KubeCluster;
  let kubectl: Kubectl;
  let store: ObjectStore;
  let digests: readonly string[];
  /** What every step of the run is given. */
  let input: JsonObject & { readonly backups: readonly JsonObject[] };
  /** The same for specs of a trap's own, whose repository holds no LatticeCluster. */
  let withoutManifest: typeof input;

  const backupStore = (name: string, cloudProviderRef: string): KubeObject => {
    const s3 = { bucket: world.lab.s3.bucket, region: world.lab.s3.region, endpoint: world.lab.s3.endpoint, forcePathStyle: true };
    return {
      ...TYPES.BackupStore,
      metadata: { namespace: 'lattice-system', name },
      spec: { default: false, storage: { provider: 's3Compatible', cloudProviderRef, s3 } },
    };
  };
  const get = async (type: { readonly apiVersion: string; readonly kind: string }, namespace: string, name: string): Promise<KubeObject | undefined> =>
    cluster.get({ ...type, namespace, name }, signal);
  const location = async (name: string) => get(TYPES.BackupStorageLocation, 'velero', `lattice-${name}`);
  const digestsNow = async (of: KubeCluster) => Promise.all(DATABASES.map((name) => volumeDigest(of, 'shop', name)));
  const filesOf = async (location_: string, backup: string) => (await store.list({ prefix: backupKeys(location_, backup).directory, signal })).objects.length;

  /** A store of its own on the cluster that will be lost, with a backup in it that has expired when the disaster comes. */
  const saveExpiring = async (name: string, on: KubeCluster): Promise<void> => {
    await on.apply(backupStore(name, 'lab-s3'), { fieldManager: 'test', signal });
    const phase = async (type: { readonly apiVersion: string; readonly kind: string }, called: string) =>
      phaseOf(await on.get({ ...type, namespace: 'velero', name: called }, signal));
    await until(async () => (await phase(TYPES.BackupStorageLocation, `lattice-${name}`)) === 'Available', `lattice-${name} is Available`);
    const spec = { storageLocation: `lattice-${name}`, includedNamespaces: ['front'], snapshotVolumes: false, ttl: '1s' };
    await on.create({ ...VELERO_BACKUP, metadata: { namespace: 'velero', name: `last-${name}` }, spec }, { fieldManager: 'test', signal });
    await until(async () => (await phase(VELERO_BACKUP, `last-${name}`)) === 'Completed', `last-${name} is Completed`);
  };

  /** What Velero's own sync makes of a backup in the bucket, up to a minute later. */
  const sync = async (prefix: string, backup: string): Promise<void> => {
    const bytes = await store.read(backupKeys(prefix, backup).metadata, { maxBytes: 1024 * 1024, signal });
    const stored = JSON.parse(Buffer.from(bytes ?? []).toString('utf8')) as JsonObject;
    try {
      await cluster.create(introducedBackup(stored, prefix), { fieldManager: 'velero', signal });
    } catch (error) {
      if (!isDrError(error, 'KUBE_CONFLICT')) throw error; // Its own sync was faster.
    }
  };

  beforeAll(async () => {
    world = stack.use(await RebuildWorld.start('small'));
    const old = stack.use(await world.open());
    digests = await digestsNow(old);
    for (const name of ['naive-18', 'ours-18']) await saveExpiring(name, old);
    bench = stack.use(await StepBench.open());
    const plan = loadRecoveryPlan({ file: world.paths.plan, text: await readFile(world.paths.plan, 'utf8') }).values;
    const commit = await bench.ports.git.resolve((plan['specs'] as { readonly git: never }).git, signal);
    // Its seal is with the state of the world's own runs.
    const given = { ...plan, commit, acceptUnanchored: [world.backup] } as unknown as typeof input;
    const { recoveryPoints } = (await bench.run(preflightCheck, 'small', given)).outputs;
    const { sources } = (await bench.run(volumesSources, 'small', { ...given, recoveryPoints, volumes: {} })).outputs;
    await world.destroy();
    await bench.run(clusterRetire, 'small', given);
    const target = (await bench.run(clusterProvision, 'small', given)).outputs;
    input = { ...given, target, recoveryPoints, sources };
    const { manifest: _manifest, ...planCluster } = input['cluster'] as JsonObject;
    withoutManifest = { ...input, cluster: planCluster };
    await bench.run(clusterReady, 'small', input);
    await bench.run(secretsRestore, 'small', input);
    cluster = await bench.ports.clusters.open({ kubeconfigPath: target.kubeconfig });
    kubectl = await kubectlFor(target.kubeconfig, world.directory);
    const { bucket, region, endpoint, credentialsPath } = world.lab.s3;
    store = await bench.ports.objectStores.open({ bucket, region, endpoint, credentials: { file: credentialsPath } });
  }, LIMIT_MS);

  afterAll(async () => {
    await stack.disposeAsync();
  });

  it('2: BackupStore Ready says nothing of credentials that nobody made; backup/attach names the missing Secret', async () => {
    await kubectl.apply([backupStore('trap-2', 'nobody')]);
    await until(async () => phaseOf(await get(TYPES.BackupStore, 'lattice-system', 'trap-2')) === 'Ready', 'the BackupStore is Ready');
    await until(async () => phaseOf(await location('trap-2')) === 'Unavailable', 'its location is Unavailable');
    expect(String((await location('trap-2'))?.status?.['message'])).toContain('velero-credentials-nobody');
    expect(phaseOf(await get(TYPES.BackupStore, 'lattice-system', 'trap-2'))).toBe('Ready');

    const git = await bench.commit('trap-2', [backupStore('ours-2', 'nobody')]);
    const recoveryPoints = [{ store: 'ours-2', name: 'any', completedAt: '2026-01-01T00:00:00Z', volumes: [], withoutData: [], snapshotLocations: [] }];
    const attach = bench.run(backupAttach, 'small', { ...withoutManifest, ...git, recoveryPoints, backups: [{ ...input.backups[0], store: 'ours-2' }] });
    await expect(attach).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING', message: expect.stringContaining('velero/velero-credentials-nobody') });
    expect(await location('ours-2')).toBeUndefined();
  });

  it('4: specs first gives empty databases and a restore that says Completed; ours refuses to call that restored, and volumes first gives the data', async () => {
    const repository = world.paths.repository;
    // Twice, as everybody does: namespaces come after what is in them.
    for (let round = 1; round <= 2; round += 1) await kubectl('apply', '-R', '-f', join(repository, 'clusters'), '-f', join(repository, 'services'));
    for (const digest of await digestsNow(cluster)) expect(digests).not.toContain(digest);
    await ensureSnapshotLocation(world.lab, cluster, signal);
    await until(async () => phaseOf(await location('small-backups')) === 'Available', 'the location is Available');
    const [point] = input['recoveryPoints'] as unknown as readonly { readonly name: string }[];
    await sync('lattice-small-backups', point?.name ?? '');
    await kubectl.apply([{ ...TYPES.LatticeRestore, metadata: { namespace: 'lattice-system', name: 'by-the-book' }, spec: { backupName: point?.name } }]);
    const restore = async () => get(TYPES.VeleroRestore, 'velero', 'by-the-book');
    await until(async () => /^(Completed|.*Failed.*)$/.test(phaseOf(await restore())), 'the restore has ended');
    expect(phaseOf(await restore())).toBe('Completed');
    for (const digest of await digestsNow(cluster)) expect(digests).not.toContain(digest);

    const refused = bench.run(volumesRestore, 'small', input);
    await expect(refused).rejects.toMatchObject({ code: 'VOLUME_NOT_RESTORED', details: { claims: CLAIMS } });
    // What its error suggests: they hold nothing, so they go, with all that was applied too early and what the useless restore left.
    await kubectl('delete', '-R', '-f', join(repository, 'services'), '-f', join(repository, 'clusters'));
    const claims = async () => (await cluster.list(TYPES.PersistentVolumeClaim, { namespace: 'shop', signal })) ?? [];
    await until(async () => (await claims()).length === 0, 'the empty claims are gone');
    await kubectl('delete', 'persistentvolumes', '-l', RESTORE_NAME_LABEL);
    await bench.run(backupAttach, 'small', input);
    const { outputs } = await bench.run(volumesRestore, 'small', input);
    expect(outputs.volumes.map(({ claim }) => claim).sort()).toEqual(CLAIMS);
    // One of the databases would else refuse to serve: what it finds was copied while it ran.
    expect((await bench.run(volumesRecover, 'small', input)).outputs).toEqual({ recovered: ['shop/stock-db-data'] });
    await bench.run(specsApply, 'small', input);
    expect(await digestsNow(cluster)).toEqual(digests);
  });

  it('18: a writable location lets the new cluster expire the last backup, and its schedule runs; ours is ReadOnly and paused, and the backup stays', async () => {
    const schedule = (name: string, storeRef: string): KubeObject => ({
      ...TYPES.LatticeClusterBackup,
      metadata: { namespace: 'lattice-system', name },
      spec: {
        schedule: '0 3 * * *',
        storeRef,
        scope: { controlPlane: false, gpuPaasResources: false, includeNamespaces: ['front'] },
        retention: { ttl: '1h' },
      },
    });
    const velero = async (name: string) => get(TYPES.VeleroSchedule, 'velero', `lattice-${name}`);
    await kubectl.apply([backupStore('naive-18', 'lab-s3'), schedule('naive-18', 'naive-18')]);
    await until(async () => phaseOf(await location('naive-18')) === 'Available', 'the location is Available');
    await until(async () => (await velero('naive-18')) !== undefined, 'there is a schedule');
    expect((await velero('naive-18'))?.spec?.['paused'] ?? false).toBe(false);
    expect(await filesOf('lattice-naive-18', 'last-naive-18')).toBeGreaterThan(0);
    await sync('lattice-naive-18', 'last-naive-18');
    await until(async () => (await filesOf('lattice-naive-18', 'last-naive-18')) === 0, 'the backup is gone from the bucket');

    const git = await bench.commit('trap-18', [backupStore('ours-18', 'lab-s3'), schedule('ours-18', 'ours-18')]);
    const recoveryPoints = [
      { store: 'ours-18', name: 'last-ours-18', completedAt: '2026-01-01T00:00:00Z', volumes: [], withoutData: [], snapshotLocations: [] },
    ];
    const files = await filesOf('lattice-ours-18', 'last-ours-18');
    const attached = await bench.run(backupAttach, 'small', {
      ...withoutManifest,
      ...git,
      recoveryPoints,
      backups: [{ ...input.backups[0], store: 'ours-18' }],
    });
    const applied = await bench.run(specsApply, 'small', { ...withoutManifest, ...git });
    // Every location of the new cluster is held, whoever made it: also those of other traps, and the naive one, which is writable no longer.
    const held = [...attached.holds, ...applied.holds].map(({ id }) => id);
    expect(held.filter((id) => id.endsWith('-18'))).toEqual([
      'backup-location/velero/lattice-ours-18',
      'backup-location/velero/lattice-naive-18',
      'latticeclusterbackup/lattice-system/ours-18',
    ]);
    await until(async () => (await velero('ours-18'))?.spec?.['paused'] === true, 'the schedule is paused');
    // Velero's garbage collector has looked at the expired backup and says why it left it alone (gc_controller.go).
    const label = async () => (await get(VELERO_BACKUP, 'velero', 'last-ours-18'))?.metadata.labels?.['velero.io/gc-failure'];
    await until(async () => (await label()) !== undefined, 'the garbage collector was there');
    expect(await label()).toBe('BSLReadOnly');
    expect(await filesOf('lattice-ours-18', 'last-ours-18')).toBe(files);
    const deleted = (await readS3Access(world.lab.s3.accessLogPath)).filter(
      ({ operation, key }) => operation.includes('Delete') && key.startsWith('lattice-ours-18/'),
    );
    expect(deleted).toEqual([]);
  });
});
