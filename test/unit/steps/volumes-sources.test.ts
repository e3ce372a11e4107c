import { describe, expect, it } from 'vitest';
import { BASELINE_FORMAT } from '../../../src/model/baseline.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import type { MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { core, TARGET } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';
import { bucketWith, packed } from './velero-bucket.ts';
import { claim, made, NAME, OF_BACKUP, volume, world } from './volume-world.ts';

const POINT = {
  store: 'main',
  name: NAME,
  completedAt: '2026-03-01T02:00:00Z',
  volumes: ['shop/data', 'shop/more'],
  withoutData: [{ claim: 'shop/cache', reason: 'skipped' }],
  snapshotLocations: [],
};
const DISK = {
  claim: 'shop/data',
  volume: 'pvc-1',
  provisioner: 'ebs.csi.aws.com',
  labels: { app: 'db' },
  claimSpec: { accessModes: ['ReadWriteOnce'], storageClassName: 'gp3', resources: { requests: { storage: '1Gi' } } },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    storageClassName: 'gp3',
    persistentVolumeReclaimPolicy: 'Delete',
    csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' },
  },
};
const PLAN = { survivors: { check: ['disks'] } };
const EXIT = (exitCode: number): FakeProgram => ({ exitCode, output: `no ${exitCode}` });

interface Situation {
  readonly info?: readonly JsonObject[];
  readonly disks?: FakeProgram;
  readonly volumes?: JsonObject;
  readonly baseline?: readonly JsonObject[] | 'none';
  readonly points?: readonly JsonObject[];
}

/** A bucket with one backup of two volumes, a baseline of the cluster that had them, and a program that knows disks. */
async function situation({ info, disks = '', volumes = PLAN, baseline = [DISK], points = [POINT] }: Situation = {}) {
  const bucket: MemoryObjectStore = bucketWith({ name: NAME, claims: ['shop/data', 'shop/more'] });
  if (info !== undefined) bucket.put(`lattice-main/backups/${NAME}/${NAME}-volumeinfo.json.gz`, packed([...info]));
  const bench = new StepBench({ buckets: [bucket], programs: { disks } });
  if (baseline !== 'none') await bench.store.putIfAbsent('baselines/workload/20260101T000000.000Z.json', Buffer.from(JSON.stringify(baselineOf(baseline))));
  const objectives = { rto: '40m', rpo: '1h', volumes: [{ pvc: 'shop/more', rpo: '15m', owner: 'shop' }] };
  const input = { backups: [{ store: 'main', bucket: 'backups' }], recoveryPoints: [...points], volumes, objectives };
  return { bench, bucket, input, run: async () => await bench.run('volumes/sources', input) };
}

function baselineOf(volumes: readonly JsonObject[]): JsonObject {
  const facts = { nodes: [], services: [], loadBalancers: [], agreements: [], images: [], charts: [], stores: [], counts: {}, volumes };
  const api = { server: 's', version: 'v', uid: 'u' };
  return {
    formatVersion: BASELINE_FORMAT,
    cluster: 'workload',
    takenAt: '2026-01-01T00:00:00Z',
    tool: '1',
    api,
    certificates: [],
    health: [],
    facts,
    findings: [],
  };
}

const sourcesIn = (outputs: unknown) =>
  outputs as { readonly sources: readonly JsonObject[]; readonly lost: readonly JsonObject[]; readonly findings: readonly string[] };

describe('volumes/sources', () => {
  it.each<[string, FakeProgram]>([
    ['is there and free', ''],
    ['is there and still attached: what has it is fenced before it is used', EXIT(3)],
  ])('takes the old disk before every backup when it %s', async (_, disks) => {
    const { run, bench } = await situation({ disks });
    const { sources } = sourcesIn(stepOf(await run()).outputs);
    expect(sources).toEqual([
      { claim: 'shop/data', from: 'survivor', minutesLost: 0, objectiveMinutes: 60, disk: DISK },
      { ...OF_BACKUP, claim: 'shop/more', objectiveMinutes: 15 },
    ]);
    expect(bench.processes.calls).toEqual(['disks ebs.csi.aws.com vol-1']);
  });

  it.each<[string, Situation, string]>([
    ['the disk is gone', { disks: EXIT(1) }, "'disks' (volumes.survivors.check) exited 1"],
    ['the plan says that it is damaged', { volumes: { ...PLAN, claims: [{ pvc: 'shop/data', from: 'backup' }] } }, 'the plan says so'],
    ['its type names no disk', { baseline: [{ ...DISK, spec: { emptyDir: {} } }] }, 'the type of volume pvc-1 is not known'],
    ['there is no baseline', { baseline: 'none' }, 'no baseline says which there were'],
  ])('takes the backup when %s, and says why', async (_, how, finding) => {
    const { sources, findings } = sourcesIn(stepOf(await (await situation(how)).run()).outputs);
    expect(sources.map(({ from }) => from)).toEqual(['snapshot', 'snapshot']);
    expect(findings.join()).toContain(finding);
  });

  it('tells file-system backups from snapshots, each with the time that its own bytes are of', async () => {
    const info = [
      { pvcNamespace: 'shop', pvcName: 'data', backupMethod: 'NativeSnapshot', startTimestamp: '2026-03-01T01:30:00Z', nativeSnapshotInfo: { volumeAZ: 'a' } },
      {
        pvcNamespace: 'shop',
        pvcName: 'more',
        backupMethod: 'PodVolumeBackup',
        startTimestamp: '2026-03-01T01:45:00Z',
        pvbInfo: { snapshotHandle: 'k1', size: 512, uploaderType: 'kopia', volumeName: 'v' },
      },
    ];
    const { run } = await situation({ info, volumes: {}, baseline: [DISK, { ...DISK, claim: 'shop/more' }] });
    const { sources } = sourcesIn(stepOf(await run()).outputs);
    expect(sources[0]).not.toHaveProperty('storageClass');
    expect(sources).toMatchObject([
      { claim: 'shop/data', from: 'snapshot', zone: 'a', takenAt: '2026-03-01T01:30:00Z', minutesLost: 90 },
      { claim: 'shop/more', from: 'fs-backup', storageClass: 'gp3', bytes: 512, minutesLost: 75, files: { snapshot: 'k1', uploader: 'kopia', volume: 'v' } },
    ]);
  });

  it('takes the newest of two backups of one volume, whichever store it is in', async () => {
    const older = { ...POINT, store: 'old', name: 'older', completedAt: '2026-02-01T02:00:00Z', volumes: ['shop/data', 'shop/archive'] };
    const { run } = await situation({ volumes: {}, points: [older, POINT] });
    const { sources } = sourcesIn(stepOf(await run()).outputs);
    expect(sources.map(({ claim: of, backup }) => `${String(of)} ${String(backup)}`)).toEqual([`shop/archive older`, `shop/data ${NAME}`, `shop/more ${NAME}`]);
  });

  it('names what is lost: without data in the backup, and known from the baseline to nobody else', async () => {
    const { run } = await situation({ disks: EXIT(1), baseline: [{ ...DISK, claim: 'shop/unsaved' }] });
    expect(sourcesIn(stepOf(await run()).outputs).lost).toEqual([
      { claim: 'shop/cache', reason: 'the recovery point holds no data of it: skipped' },
      { claim: 'shop/unsaved', reason: 'no recovery point knows of it, and its disk is not known to be there' },
    ]);
  });

  it('saves with an old disk what no backup holds', async () => {
    const { run } = await situation({ baseline: [{ ...DISK, claim: 'shop/cache' }] });
    const { sources, lost } = sourcesIn(stepOf(await run()).outputs);
    expect(sources[0]).toMatchObject({ claim: 'shop/cache', from: 'survivor' });
    expect(lost).toEqual([]);
  });

  it('is frozen: what changes in the bucket or at the provider afterwards changes nothing, a corrected plan does', async () => {
    let exitCode = 0;
    const disks: FakeProgram = () => {
      if (exitCode === 0) return '';
      throw new Error('the disk was asked for again');
    };
    const { bench, bucket, input, run } = await situation({ disks });
    const first = stepOf(await run()).outputs;
    exitCode = 1;
    bucket.put(`lattice-main/backups/${NAME}/${NAME}-volumeinfo.json.gz`, packed([]));
    expect(stepOf(await bench.resume())).toMatchObject({ state: 'succeeded', outputs: first });
    expect((await bench.plan('volumes/sources', { ...input, volumes: {} })).map(({ subject }) => subject)[0]).toContain('volume shop/data from snapshot');
  });

  it('shows in the plan what each volume comes from and loses', async () => {
    const { bench, input } = await situation({ volumes: {} });
    expect(await bench.plan('volumes/sources', input)).toEqual([
      { verb: 'create', subject: `volume shop/data from snapshot of ${NAME} (${POINT.completedAt})`, note: '60 min of writes are lost, objective 60 min' },
      {
        verb: 'create',
        subject: `volume shop/more from snapshot of ${NAME} (${POINT.completedAt})`,
        note: '60 min of writes are lost, more than the objective of 15 min',
      },
      { verb: 'run', subject: 'nothing for volume shop/cache, which is lost', note: 'the recovery point holds no data of it: skipped' },
    ]);
  });
});

describe('volumes/restore from old disks', () => {
  const SURVIVOR = { claim: 'shop/data', from: 'survivor', minutesLost: 0, objectiveMinutes: 60, disk: DISK };
  const input = (sources: readonly JsonObject[]) => ({ target: TARGET, backups: [{ store: 'main', bucket: 'backups' }], sources: [...sources], volumes: PLAN });

  /** The cluster binds a claim to the volume that it names. */
  function binding(disks: FakeProgram) {
    const { bench, cluster } = world({ disks });
    cluster.react({ apiVersion: 'v1', kind: 'PersistentVolumeClaim' }, (object) => {
      if (object.status === undefined) cluster.put({ ...object, status: { phase: 'Bound' } });
    });
    return { bench, cluster };
  }

  it('claims the same disk by a static volume that outlives its claim, and Velero brings only the rest', async () => {
    const { bench, cluster } = binding('');
    const result = await bench.run('volumes/restore', input([SURVIVOR, { claim: 'shop/more', ...OF_BACKUP }]));
    expect(result.error).toBeUndefined();
    expect(cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pvc-1' })).toMatchObject({
      metadata: { labels: { 'dr.lattice.dev/run': result.run }, annotations: { 'pv.kubernetes.io/provisioned-by': 'ebs.csi.aws.com' } },
      spec: {
        csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' },
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { namespace: 'shop', name: 'data' },
      },
    });
    expect(cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' })?.spec).toMatchObject({ volumeName: 'pvc-1' });
    expect(result.holds.map(({ id }) => id)).toEqual(['reclaim-policy/shop/data', 'reclaim-policy/shop/more']);
    expect(cluster.peek({ apiVersion: 'velero.io/v1', kind: 'Restore', namespace: 'velero', name: made(cluster)[0] ?? '' })?.metadata.annotations).toEqual({
      'dr.lattice.dev/claims': 'shop/more',
    });
    expect(stepOf(result).outputs).toMatchObject({
      volumes: [{ claim: 'shop/data', path: 'vol-1', from: 'survivor', minutesLost: 0 }, { claim: 'shop/more' }],
    });
  });

  it.each<[string, FakeProgram, string]>([
    ['a machine still has', EXIT(3), 'a machine still has it attached'],
    ['is gone meanwhile', EXIT(1), 'exited 1'],
  ])('does not use a disk that %s, and takes no backup in its place', async (_, disks, why) => {
    const { bench, cluster } = binding(disks);
    const { error } = await bench.run('volumes/restore', input([SURVIVOR]));
    expect(error).toMatchObject({ code: 'DISK_NOT_FREE', kind: 'precondition', details: { claim: 'shop/data' } });
    expect(error?.message).toContain(why);
    expect(error?.suggestions.join()).toContain('from: backup for shop/data');
    expect(cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pvc-1' })).toBeUndefined();
    expect(made(cluster)).toEqual([]);
  });

  it('does not take a claim that is bound to something else for its old disk', async () => {
    const { bench, cluster } = binding('');
    cluster.put(volume('pv-data', undefined));
    cluster.put(claim('data'));
    const { error } = await bench.run('volumes/restore', input([SURVIVOR]));
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', details: { claims: ['shop/data'] } });
    expect(error?.message).toContain("it names volume 'pv-data' and not its old disk");
  });

  it('does not take a volume of the right name on another disk for it', async () => {
    const { bench, cluster } = binding('');
    cluster.put({ ...volume('pvc-1', undefined), metadata: { name: 'pvc-1', labels: { 'dr.lattice.dev/run': 'another' } } });
    const { error } = await bench.run('volumes/restore', input([SURVIVOR]));
    expect(error?.message).toContain("volume 'pvc-1' was not made by this run");
  });

  it('puts it into the class that the plan names in place of the old one, with its claim', async () => {
    const { bench, cluster } = binding('');
    const volumes = { ...PLAN, storageClasses: { gp3: 'fast' } };
    expect((await bench.run('volumes/restore', { ...input([SURVIVOR]), volumes })).error).toBeUndefined();
    expect(cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pvc-1' })?.spec).toMatchObject({ storageClassName: 'fast' });
    expect(cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: 'shop', name: 'data' })?.spec).toMatchObject({
      storageClassName: 'fast',
    });
  });
});

describe('volumes/restore to a cluster of another make', () => {
  const zoned = [{ claim: 'shop/data', ...OF_BACKUP, zone: 'zone-a' }];
  const input = (volumes: JsonObject = {}) => ({ target: TARGET, backups: [{ store: 'main', bucket: 'backups' }], sources: zoned, volumes });
  const storageClass = (name: string) => ({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name } });

  it.each<[string, readonly (string | undefined)[], string | undefined]>([
    ['has no node in the zone of a snapshot', ['zone-b', 'zone-c'], 'ZONE_MISSING'],
    ['has one', ['zone-b', 'zone-a'], undefined],
    ['names no zones', [undefined], undefined],
  ])('refuses before anything is made when it %s', async (_, zones, code) => {
    const { bench, cluster } = world();
    for (const [index, zone] of zones.entries())
      cluster.put(core('Node', `n${index}`, { metadata: { labels: zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone } } }));
    const { error } = await bench.run('volumes/restore', input());
    expect(error?.code).toBe(code);
    expect(made(cluster)).toHaveLength(code === undefined ? 1 : 0);
    if (code !== undefined) expect(error?.message).toBe('the nodes are in zone-b, zone-c, and these volumes would be made elsewhere: shop/data in zone-a');
  });

  it.each<[string, string, JsonObject, string | undefined]>([
    ['lacks the class of what it has to make', 'other', {}, 'volumes would be made in gp2, and the cluster has the storage classes: other'],
    ['has it', 'gp2', {}, undefined],
    ['lacks it, and has the one that the plan puts in its place', 'other', { gp2: 'other' }, undefined],
    [
      'lacks a class that the plan puts in place of another',
      'gp2',
      { gp2: 'gp3' },
      'volumes would be made in gp3, and the cluster has the storage classes: gp2',
    ],
  ])('refuses before anything is made when it %s', async (...[, there, storageClasses, message]) => {
    const { bench, cluster } = world();
    cluster.put(storageClass(there));
    const sources = [{ claim: 'shop/data', ...OF_BACKUP, storageClass: 'gp2' }];
    const { error } = await bench.run('volumes/restore', { ...input({ storageClasses }), sources });
    expect(error?.message).toBe(message);
    expect(error?.code).toBe(message === undefined ? undefined : 'STORAGE_CLASS_MISSING');
    expect(made(cluster)).toHaveLength(message === undefined ? 1 : 0);
  });

  it('tells Velero which class takes the place of which', async () => {
    const { bench, cluster } = world();
    cluster.put(storageClass('gp3'));
    await bench.run('volumes/restore', input({ storageClasses: { gp2: 'gp3' } }));
    expect(cluster.peek({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'velero', name: 'lattice-dr-storage-classes' })).toMatchObject({
      metadata: { labels: { 'velero.io/plugin-config': '', 'velero.io/change-storage-class': 'RestoreItemAction' } },
      data: { gp2: 'gp3' },
    });
  });
});
