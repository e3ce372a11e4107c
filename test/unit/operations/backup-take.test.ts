import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/model/json.ts';
import { type TakenBackup, takeBackup, type VeleroTakeRequest } from '../../../src/operations/backup-take.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';
import { platformCluster, velero } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';
import { bucketWith } from '../steps/velero-bucket.ts';

const BACKUP = { apiVersion: 'velero.io/v1', kind: 'Backup' } as const;
const PLAN = `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: workload }
spec:
  cluster: { name: workload, provisioner: existing, existing: { kubeconfig: { file: /own.yaml } } }
  specs: { git: { repository: specs.git, ref: main } }
  backups: [{ store: main, bucket: backups, clusterBackup: daily }]
  objectives: { rto: 40m, rpo: 1h }
`;

interface World {
  readonly cluster: FakeKubeCluster;
  readonly told: string[];
  readonly proven: string[];
  take(request?: Partial<VeleroTakeRequest>): Promise<TakenBackup<string>>;
}

/** @param ends - statuses that Velero gives to a new Backup, one after the other */
function world(ends: readonly JsonObject[], options: { readonly location?: JsonObject; readonly bucket?: ReturnType<typeof bucketWith> } = {}): World {
  const cluster = platformCluster('https://own.invalid:6443');
  for (const kind of ['Schedule', 'PodVolumeBackup']) cluster.serve(customType({ apiVersion: 'velero.io/v1', kind, hasStatus: false }));
  cluster.put(
    velero('Schedule', 'lattice-daily', {
      metadata: { labels: { team: 'a' } },
      spec: { schedule: '0 2 * * *', template: { storageLocation: 'lattice-main', ttl: '720h' } },
    }),
  );
  cluster.put(velero('BackupStorageLocation', 'lattice-main', options.location ?? { spec: {}, status: { phase: 'Available' } }));
  const bench = new StepBench({ clusters: { '/own.yaml': cluster }, buckets: [options.bucket ?? bucketWith()] });
  let step = 0;
  // One status a second, so that whoever watches sees each.
  cluster.react(BACKUP, (object) => {
    const status = ends[step];
    if (status === undefined) return;
    step += 1;
    const put = (): void => void cluster.put({ ...object, status });
    if (step === 1) put();
    else void bench.clock.sleep(1_000, new AbortController().signal).then(put);
  });
  const plan = loadPlan({ file: '/plan.yaml', folder: '/', text: PLAN });
  const told: string[] = [];
  const proven: string[] = [];
  const tools = { ports: bench.ports, clock: bench.clock, tool: '1.0.0', signal: new AbortController().signal };
  const common: VeleroTakeRequest = {
    plan,
    what: { clusterBackup: 'daily' },
    limitMs: 60_000,
    onProgress: ({ message, done, total, unit = 'objects' }) => told.push(total === undefined ? message : `${message} ${done ?? 0}/${total} ${unit}`),
  };
  const prove = async ({ name, store }: { readonly name: string; readonly store: string }): Promise<string> => {
    proven.push(`${store}/${name}`);
    return 'sealed';
  };
  return { cluster, told, proven, take: async (request = {}) => await bench.clock.runUntil(takeBackup({ ...common, ...request }, prove, tools)) };
}

const DONE = { phase: 'Completed', completionTimestamp: '2026-03-01T03:01:00Z' };

describe('taking a backup', () => {
  it('runs the schedule of a LatticeClusterBackup now, tells how far it is, and has it proven', async () => {
    const { take, told, proven, cluster } = world([{ phase: 'InProgress', progress: { itemsBackedUp: 3, totalItems: 9 } }, DONE]);
    const taken = await take();
    expect(taken).toEqual({
      kind: 'velero',
      name: 'lattice-daily-20260301030000',
      store: 'main',
      completedAt: '2026-03-01T03:01:00Z',
      warnings: 0,
      proof: 'sealed',
    });
    expect(proven).toEqual(['main/lattice-daily-20260301030000']);
    expect(told).toEqual(expect.arrayContaining(['Velero backup lattice-daily-20260301030000: InProgress 3/9 objects']));
    const made = cluster.peek({ ...BACKUP, namespace: 'velero', name: taken.name });
    expect(made?.spec).toEqual({ storageLocation: 'lattice-main', ttl: '720h' });
    expect(made?.metadata.labels).toMatchObject({ 'velero.io/schedule-name': 'lattice-daily', team: 'a' });
  });

  it('tells bytes where Velero moves them', async () => {
    const { take, told, cluster } = world([{ phase: 'InProgress' }, DONE]);
    const labels = { 'velero.io/backup-name': 'by-hand' };
    for (const [name, bytesDone] of [
      ['a', 5],
      ['b', 7],
    ] as const)
      cluster.put(velero('PodVolumeBackup', name, { metadata: { labels }, status: { progress: { bytesDone, totalBytes: 10 } } }));
    await take({ name: 'by-hand', what: { namespaces: ['shop'], store: 'main', ttl: '1h' } });
    expect(told).toEqual(expect.arrayContaining(['Velero backup by-hand: InProgress 12/20 bytes']));
    expect(cluster.peek({ ...BACKUP, namespace: 'velero', name: 'by-hand' })?.spec).toEqual({
      storageLocation: 'lattice-main',
      includedNamespaces: ['shop'],
      ttl: '1h',
    });
  });

  it.each<[string, JsonObject, string]>([
    ['PartiallyFailed', { phase: 'PartiallyFailed', errors: 2, warnings: 1 }, 'it ended PartiallyFailed: 2 errors, 1 warnings'],
    ['FailedValidation', { phase: 'FailedValidation', validationErrors: ['no such location'] }, 'no such location'],
    ['Failed', { phase: 'Failed', failureReason: 'restarted' }, 'restarted'],
  ])('does not call %s a success, and proves nothing', async (_, status, words) => {
    const { take, proven } = world([status]);
    await expect(take()).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining(words) });
    expect(proven).toEqual([]);
  });

  it('gives up when Velero does not take it up, and when it takes too long', async () => {
    await expect(world([]).take()).rejects.toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('has not taken it up within 5 min') });
    await expect(world([{ phase: 'InProgress' }]).take()).rejects.toMatchObject({ message: expect.stringContaining('goes on by itself') });
  });

  it('asks for nothing under a name that is taken, on the cluster or in the bucket', async () => {
    const name = 'lattice-daily-20260301030000';
    const there = world([DONE], { bucket: bucketWith({ name }) });
    await expect(there.take({ name })).rejects.toMatchObject({ code: 'BACKUP_EXISTS', details: { places: [`in backups/lattice-main/backups/${name}/`] } });
    const here = world([DONE]);
    here.cluster.put(velero('Backup', 'mine', {}));
    await expect(here.take({ name: 'mine' })).rejects.toMatchObject({ code: 'BACKUP_EXISTS', details: { places: ['on https://own.invalid:6443'] } });
    for (const { cluster } of [there, here]) expect(cluster.requests.filter(({ verb }) => verb === 'create')).toEqual([]);
  });

  it('takes the name of the next second when the schedule, or another take, has that of this one', async () => {
    const { take, proven } = world([DONE], { bucket: bucketWith({ name: 'lattice-daily-20260301030000' }) });
    expect(await take()).toMatchObject({ name: 'lattice-daily-20260301030001' });
    expect(proven).toEqual(['main/lattice-daily-20260301030001']);
  });

  it('gives up when the names of three seconds are taken', async () => {
    const { take, cluster } = world([DONE]);
    for (const second of [0, 1, 2, 3]) cluster.put(velero('Backup', `lattice-daily-2026030103000${second}`, {}));
    await expect(take()).rejects.toMatchObject({ code: 'BACKUP_EXISTS', details: { name: 'lattice-daily-20260301030002' } });
    expect(cluster.requests.filter(({ verb }) => verb === 'create')).toEqual([]);
  });

  it.each<[string, Partial<VeleroTakeRequest>, JsonObject | undefined, string]>([
    ['a schedule that is not there', { what: { clusterBackup: 'weekly' } }, undefined, 'KUBE_NOT_FOUND'],
    ['a store that the plan does not name', { what: { namespaces: ['shop'], store: 'other' } }, undefined, 'INPUT_INVALID'],
    ['a location that cannot be reached', {}, { spec: {}, status: { phase: 'Unavailable', message: 'denied' } }, 'BACKUP_LOCATION_UNAVAILABLE'],
    ['a location that a recovery holds', {}, { spec: { accessMode: 'ReadOnly' }, status: { phase: 'Available' } }, 'BACKUP_LOCATION_UNAVAILABLE'],
  ])('asks for nothing with %s', async (...[, request, location, code]) => {
    const { take, cluster } = world([DONE], location === undefined ? {} : { location });
    await expect(take(request)).rejects.toMatchObject({ code });
    expect(cluster.requests.filter(({ verb }) => verb === 'create')).toEqual([]);
  });
});
