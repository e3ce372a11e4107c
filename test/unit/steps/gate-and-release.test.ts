import { describe, expect, it } from 'vitest';
import type { Hold } from '../../../src/model/hold.ts';
import { HOLD_RELEASERS } from '../../../src/steps/release.ts';
import { lattice, PLAN_CLUSTER, platformCluster, velero } from './objects.ts';
import { StepBench } from './step-harness.ts';

const signal = new AbortController().signal;

describe('gate/confirm', () => {
  const point = { store: 'main', name: 'b1', completedAt: '2026-03-01T02:00:00Z', volumes: ['shop/a', 'shop/b'], withoutData: [], snapshotLocations: [] };
  const input = {
    cluster: PLAN_CLUSTER,
    commit: '0123456789abcdef',
    recoveryPoints: [point, { ...point, name: 'b2', volumes: ['shop/c'], withoutData: [{ claim: 'shop/d', reason: 'skipped' }] }],
  };
  const gate = { confirm: 'cluster', reason: 'it is gone for good' } as const;

  it('shows what is destroyed, made again and lost', async () => {
    expect(await new StepBench().plan('gate/confirm', input)).toEqual([
      { verb: 'delete', subject: 'what is left of cluster workload', note: 'it is fenced, and its LatticeCluster on the parent is retired' },
      { verb: 'create', subject: 'cluster workload again', note: 'by provisioner lattice, from commit 0123456789ab' },
      { verb: 'create', subject: '2 volumes of b1', note: 'as of 2026-03-01T02:00:00Z: later writes are lost' },
      { verb: 'create', subject: '1 volume of b2', note: 'as of 2026-03-01T02:00:00Z: later writes are lost; no data for shop/d' },
    ]);
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
    const missing = async (): Promise<string | undefined> =>
      await HOLD_RELEASERS.get('backup-schedule')?.missing?.(schedule, { cluster, verifiedAt: '2026-03-01T04:00:00.000Z', signal });
    const object = lattice('LatticeClusterBackup', 'lattice-system/daily', { spec: { schedule: '0 3 * * *', storeRef: 'main' } });
    const schedule: Hold = { ...location, id: 'latticeclusterbackup/lattice-system/daily', kind: 'backup-schedule', prior: { object: object as never } };
    expect(await missing()).toMatch(/no backup of all namespaces in location lattice-main .* is Completed: there is none yet/);
    const made = velero('Backup', 'fresh', { spec: { storageLocation: 'lattice-main' }, status: { phase: 'InProgress', startTimestamp: at } });
    cluster.put({ ...made, metadata: { ...made.metadata, creationTimestamp: at } });
    expect(await missing()).toContain('the newest is fresh, and it is InProgress');
    cluster.put({ ...made, metadata: { ...made.metadata, creationTimestamp: at }, status: { phase: 'Completed', startTimestamp: at } });
    expect(await missing()).toBeUndefined();
  });

  it('does not release what provisions machines: that is for a person', () => {
    expect(HOLD_RELEASERS.get('child-cluster')).toBeUndefined();
  });
});
