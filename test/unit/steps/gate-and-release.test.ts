import { describe, expect, it } from 'vitest';
import type { Hold } from '../../../src/model/hold.ts';
import { createBucketFaults } from '../../../src/steps/recovery/bucket-faults.ts';
import { NO_SEALS } from '../../../src/steps/recovery/seals.ts';
import { HOLD_RELEASERS, type ReleaseCondition } from '../../../src/steps/release.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { createMemoryObjectStores, type MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { core, lattice, PLAN_CLUSTER, platformCluster, velero } from './objects.ts';
import { StepBench } from './step-harness.ts';
import { bucketWith } from './velero-bucket.ts';

const signal = new AbortController().signal;

describe('gate/confirm', () => {
  const source = { from: 'snapshot', store: 'main', backup: 'b1', takenAt: '2026-03-01T02:00:00Z', minutesLost: 60, objectiveMinutes: 60 };
  const input = {
    cluster: PLAN_CLUSTER,
    commit: '0123456789abcdef',
    sources: [
      { ...source, claim: 'shop/a' },
      { ...source, claim: 'shop/b', minutesLost: 70 },
      { ...source, claim: 'shop/c', backup: 'b2', objectiveMinutes: 15 },
      { claim: 'shop/e', from: 'survivor', minutesLost: 0, objectiveMinutes: 60 },
    ],
    lost: [{ claim: 'shop/d', reason: 'skipped' }],
  };
  const gate = { confirm: 'cluster', reason: 'it is gone for good' } as const;

  it('shows what is destroyed, made again and lost', async () => {
    expect(await new StepBench().plan('gate/confirm', input)).toEqual([
      { verb: 'delete', subject: 'what is left of cluster workload', note: 'it is fenced, and its LatticeCluster on the parent is retired' },
      { verb: 'create', subject: 'cluster workload again', note: 'by provisioner lattice, from commit 0123456789ab' },
      {
        verb: 'create',
        subject: '2 volumes from snapshot of b1 (2026-03-01T02:00:00Z)',
        note: 'up to 70 min of writes are lost, more than the objective of shop/b',
      },
      {
        verb: 'create',
        subject: '1 volume from snapshot of b2 (2026-03-01T02:00:00Z)',
        note: '60 min of writes are lost, more than the objective of 15 min',
      },
      { verb: 'create', subject: '1 volume from its old disk', note: 'nothing is lost' },
      { verb: 'delete', subject: 'all data of volume shop/d', note: 'skipped' },
    ]);
  });

  it('shows that nothing vouches for a backup, and which newer one is not taken', async () => {
    const point = { store: 'main', name: 'b1', completedAt: '2026-03-01T02:00:00Z', volumes: [], withoutData: [], snapshotLocations: [] };
    const passedOver = [{ name: 'b2', reason: 'bad: x is gone' }];
    const recoveryPoints = [{ ...point, verdict: 'unanchored', contents: 'sha256:0', passedOver }];
    expect((await new StepBench().plan('gate/confirm', { ...input, recoveryPoints })).slice(-2)).toEqual([
      { verb: 'create', subject: 'data of b1', note: 'nothing outside of its bucket vouches for it: accepted by a person' },
      { verb: 'delete', subject: 'what newer backup b2 holds: it is not taken', note: 'bad: x is gone' },
    ]);
    expect(await new StepBench().plan('gate/confirm', { ...input, recoveryPoints: [{ ...point, verdict: 'sealed-equal' }] })).toHaveLength(6);
  });

  it('is passed by the typed name and by nothing else', async () => {
    expect((await new StepBench().run('gate/confirm', input, { gate, decisions: { confirm: 'workload' } })).state).toBe('succeeded');
    expect((await new StepBench().run('gate/confirm', input, { gate, decisions: { confirm: 'workloads' } })).error).toMatchObject({
      code: 'CLUSTER_NAME_NOT_CONFIRMED',
    });
    expect((await new StepBench().run('gate/confirm', input, { gate })).error).toMatchObject({ code: 'GATE_WAITING' });
  });
});

describe('what puts held things back', () => {
  const location: Hold = {
    id: 'backup-location/velero/lattice-main',
    kind: 'backup-location',
    subject: 'the location is ReadOnly',
    prior: { accessMode: 'ReadWrite' },
    releaseWhen: 'verified',
  };

  const asked = (cluster: FakeKubeCluster, rest: Partial<ReleaseCondition> = {}): ReleaseCondition => ({
    cluster,
    ports: { objectStores: createMemoryObjectStores([]) },
    backups: [],
    verifiedAt: '2026-03-01T04:00:00.000Z',
    now: Date.parse('2026-03-01T05:00:00Z'),
    staying: [],
    faultInBucket: async () => undefined,
    signal,
    ...rest,
  });

  it('tells which backups Velero deletes once a location is writable: those it knows, and those its sync has not brought yet', async () => {
    const cluster = platformCluster();
    const backup = (name: string, location: string, expiration: string) =>
      velero('Backup', name, { spec: { storageLocation: location }, status: { phase: 'Completed', expiration } });
    cluster.put(backup('old', 'lattice-main', '2026-02-01T00:00:00Z'));
    cluster.put(backup('young', 'lattice-main', '2026-04-01T00:00:00Z'));
    cluster.put(backup('elsewhere', 'lattice-other', '2026-02-01T00:00:00Z'));
    const bucket = bucketWith(
      { name: 'lattice-daily-20260101000000', status: { expiration: '2026-01-31T00:00:00Z' } },
      { name: 'lattice-daily-20260301000000' },
      { name: 'old', status: { expiration: '2026-02-01T00:00:00Z' } },
    );
    const expires = HOLD_RELEASERS.get('backup-location')?.expires;
    const known = asked(cluster);
    expect(await expires?.(location, known)).toEqual([{ backup: 'old', expiredAt: '2026-02-01T00:00:00Z' }]);
    const backups = [{ store: 'main', bucket: 'backups' }];
    expect(await expires?.(location, { ...known, backups, ports: { objectStores: createMemoryObjectStores([bucket]) } })).toEqual([
      { backup: 'lattice-daily-20260101000000', expiredAt: '2026-01-31T00:00:00Z' },
      { backup: 'old', expiredAt: '2026-02-01T00:00:00Z' },
    ]);
    expect(await expires?.({ ...location, prior: { accessMode: 'ReadOnly' } }, known)).toEqual([]);
  });

  it('lets GitOps go on only when nothing that git holds is put aside any more', async () => {
    const cluster = platformCluster();
    const gitops = { ...location, id: 'kustomization/flux-system/root', kind: 'gitops', prior: { system: 'flux', undo: {} } } as const;
    const missing = async (...staying: readonly Hold[]) => await HOLD_RELEASERS.get('gitops')?.missing?.(gitops, asked(cluster, { staying }));
    const inGit: Hold = { ...location, id: 'dnsprovider/lattice-system/main', kind: 'dns-provider', prior: { object: {} } };
    const fields: Hold = { ...location, id: 'field-owner/lattice-dr/kustomize-controller', kind: 'field-owner', prior: {} };
    expect(await missing(inGit, location, fields)).toContain('release first dnsprovider/lattice-system/main, field-owner/lattice-dr/kustomize-controller');
    expect(await missing(location, gitops)).toBeUndefined();
  });

  it('makes a location writable again, and only that', async () => {
    const cluster = platformCluster();
    cluster.put(velero('BackupStorageLocation', 'lattice-main', { spec: { accessMode: 'ReadOnly', provider: 'aws' } }));
    const releaser = HOLD_RELEASERS.get('backup-location');
    expect(releaser?.describe(location)).toContain('becomes ReadWrite again');
    await releaser?.release(location, cluster, signal);
    await releaser?.release(location, cluster, signal);
    const ref = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', namespace: 'velero', name: 'lattice-main' };
    expect(cluster.peek(ref)?.spec).toEqual({ accessMode: 'ReadWrite', provider: 'aws' });
  });

  it.each([
    ['as it was when a step put it aside', { accessMode: 'ReadOnly' }, 'ReadOnly'],
    ['as git has it', { applied: true, object: { spec: { accessMode: 'ReadWrite' } } }, 'ReadWrite'],
    ['as Velero takes it when nobody says', { applied: true, object: { spec: {} } }, 'ReadWrite'],
  ])('leaves a location %s', async (_, prior, mode) => {
    const cluster = platformCluster();
    cluster.put(velero('BackupStorageLocation', 'main', { spec: { accessMode: 'ReadOnly' } }));
    await HOLD_RELEASERS.get('backup-location')?.release({ ...location, id: 'backupstoragelocation/velero/main', prior }, cluster, signal);
    const ref = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', namespace: 'velero', name: 'main' };
    expect(cluster.peek(ref)?.spec).toEqual({ accessMode: mode });
  });

  it('lets a volume go with its claim again, unless the claim is gone already', async () => {
    const cluster = platformCluster();
    const hold: Hold = {
      id: 'reclaim-policy/shop/data',
      kind: 'reclaim-policy',
      subject: 'pv-1 is Retain',
      prior: { volume: 'pv-1', policy: 'Delete' },
      releaseWhen: '',
    };
    const releaser = HOLD_RELEASERS.get('reclaim-policy');
    const missing = async () => await releaser?.missing?.(hold, asked(cluster));
    expect(await missing()).toBeUndefined();
    await releaser?.release(hold, cluster, signal);
    const spec = { persistentVolumeReclaimPolicy: 'Retain', hostPath: { path: '/d' } };
    cluster.put(core('PersistentVolume', 'pv-1', { spec, status: { phase: 'Released' } }));
    expect(await missing()).toContain('pv-1 has no claim any more');
    const ref = { apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv-1' };
    cluster.put(core('PersistentVolume', 'pv-1', { spec, status: { phase: 'Bound' } }));
    expect(await missing()).toBeUndefined();
    expect(releaser?.describe(hold)).toContain('becomes Delete again');
    await releaser?.release(hold, cluster, signal);
    expect(cluster.peek(ref)?.spec).toMatchObject({ persistentVolumeReclaimPolicy: 'Delete' });
  });

  it.each([
    ['dns-provider', 'DNSProvider', { type: 'route53' }],
    ['backup-schedule', 'LatticeClusterBackup', { schedule: '0 3 * * *' }],
  ] as const)('applies what git has of a %s', async (kind, objectKind, spec) => {
    const cluster = platformCluster();
    const object = lattice(objectKind, 'lattice-system/main', { spec: { ...spec } });
    const hold: Hold = {
      id: `${objectKind.toLowerCase()}/lattice-system/main`,
      kind,
      subject: 'held',
      prior: { applied: false, object: object as never },
      releaseWhen: 'verified',
    };
    const releaser = HOLD_RELEASERS.get(kind);
    expect(releaser?.describe(hold)).toContain('is applied as it stands in git');
    await releaser?.release(hold, cluster, signal);
    expect(cluster.peek({ apiVersion: 'lattice.dev/v1alpha1', kind: objectKind, namespace: 'lattice-system', name: 'main' })?.spec).toEqual(spec);
    await expect(releaser?.release({ ...hold, prior: {} }, cluster, signal)).rejects.toMatchObject({ code: 'BUG' });
  });

  it('does not let a schedule begin before this cluster has made a backup of its own since it was verified', async () => {
    const cluster = platformCluster();
    const at = '2026-03-01T05:00:00Z';
    const missing = async (): Promise<string | undefined> => await HOLD_RELEASERS.get('backup-schedule')?.missing?.(schedule, asked(cluster));
    const object = lattice('LatticeClusterBackup', 'lattice-system/daily', { spec: { schedule: '0 3 * * *', storeRef: 'main' } });
    const schedule: Hold = { ...location, id: 'latticeclusterbackup/lattice-system/daily', kind: 'backup-schedule', prior: { object: object as never } };
    expect(await missing()).toMatch(/no backup of all namespaces in location lattice-main .* is Completed and whole in its bucket: there is none yet/);
    const made = velero('Backup', 'fresh', { spec: { storageLocation: 'lattice-main' }, status: { phase: 'InProgress', startTimestamp: at } });
    cluster.put({ ...made, metadata: { ...made.metadata, creationTimestamp: at } });
    expect(await missing()).toContain('the newest is fresh, and it is InProgress');
    cluster.put({ ...made, metadata: { ...made.metadata, creationTimestamp: at }, status: { phase: 'Completed', startTimestamp: at } });
    expect(await missing()).toBeUndefined();
  });

  it('takes no backup for fresh that the bucket speaks against, whatever the cluster says', async () => {
    const cluster = platformCluster();
    const at = '2026-03-01T05:00:00Z';
    const name = 'lattice-daily-20260301050000';
    const made = velero('Backup', name, { spec: { storageLocation: 'lattice-main' }, status: { phase: 'Completed', startTimestamp: at } });
    cluster.put({ ...made, metadata: { ...made.metadata, creationTimestamp: at } });
    cluster.put(velero('BackupStorageLocation', 'lattice-main', { spec: { objectStorage: { bucket: 'backups', prefix: 'lattice-main' } } }));
    const object = lattice('LatticeClusterBackup', 'lattice-system/daily', { spec: { schedule: '0 3 * * *', storeRef: 'main' } });
    const schedule: Hold = { ...location, id: 'latticeclusterbackup/lattice-system/daily', kind: 'backup-schedule', prior: { object: object as never } };
    const missing = async (bucket: MemoryObjectStore, prefix: string): Promise<string | undefined> => {
      const ports = { objectStores: createMemoryObjectStores([bucket]) };
      const look = asked(cluster, { ports, backups: [{ store: 'main', bucket: 'backups', prefix }] });
      return await HOLD_RELEASERS.get('backup-schedule')?.missing?.(schedule, { ...look, faultInBucket: createBucketFaults({ ...look, seals: NO_SEALS }) });
    };
    // Where the old cluster wrote does not matter.
    expect(await missing(bucketWith({ name }), 'lattice-old')).toBeUndefined();
    const cut = bucketWith({ name });
    cut.put(`lattice-main/backups/${name}/${name}.tar.gz`, 'not what Velero wrote', at);
    expect(await missing(cut, 'lattice-main')).toMatch(
      new RegExp(`the newest is ${name}, and it is bad in its bucket: .*; take one with lattice-dr backup take, and`),
    );
    expect(await missing(bucketWith(), 'lattice-main')).toContain('bad in its bucket: there is nothing of it in the bucket');
  });

  it('does not release what provisions machines: that is for a person', () => {
    expect(HOLD_RELEASERS.get('child-cluster')).toBeUndefined();
  });
});
