import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import { restoreName } from '../../../src/steps/volumes/velero-restore.ts';
import { velero } from './objects.ts';
import { crashEverywhere, stepOf } from './step-harness.ts';
import { bringBack, claim, INPUT, made, NAME, RESTORE, volume, type VolumeWorld as World, world } from './volume-world.ts';

describe('volumes/restore', () => {
  it('tells Velero to restore nothing that has changed since it was judged', async () => {
    const { bench, cluster } = world();
    const recoveryPoints = [{ store: 'main', name: NAME, contents: `sha256:${'0'.repeat(64)}` }];
    const { error } = await bench.run('volumes/restore', { ...INPUT, recoveryPoints });
    expect(error).toMatchObject({ code: 'BACKUP_BAD', message: expect.stringContaining(NAME) });
    expect(made(cluster)).toEqual([]);
  });

  it('asks Velero for volumes and nothing else, and proves each claim by the volume behind it', async () => {
    const { run, cluster } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    const [name = ''] = made(cluster);
    expect(name).toBe(restoreName(result.run, NAME, 1));
    expect(cluster.peek({ ...RESTORE, namespace: 'velero', name })?.spec).toEqual({
      backupName: NAME,
      includedNamespaces: ['shop'],
      includedResources: ['persistentvolumeclaims', 'persistentvolumes'],
      restorePVs: true,
    });
    expect(stepOf(result).outputs).toEqual({
      volumes: [
        { claim: 'shop/data', volume: 'pv-data', path: '/disks/pv-data', from: 'snapshot', minutesLost: 60 },
        { claim: 'shop/more', volume: 'pv-more', path: '/disks/pv-more', from: 'snapshot', minutesLost: 60 },
      ],
    });
    expect(cluster.watches).toBe(0);
  });

  it('refuses claims that something made empty before, and asks Velero for nothing', async () => {
    const { run, cluster } = world();
    cluster.put(volume('pv-data', undefined));
    cluster.put(claim('data'));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', kind: 'verification', details: { claims: ['shop/data'] } });
    expect(error?.message).toContain("bound to volume 'pv-data', which no restore made");
    expect(made(cluster)).toEqual([]);
  });

  it('does not believe a restored volume without a source', async () => {
    const { run, cluster } = world();
    cluster.react(RESTORE, ({ metadata }) => {
      if (cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv-data' })?.spec?.['hostPath'] !== undefined)
        cluster.put(volume('pv-data', metadata.name, { spec: {} }));
    });
    expect((await run()).error?.message).toContain('has no known source');
  });

  it('finds volumes that are back and outlive their claims', async () => {
    const { run, resume, cluster } = world({ unbound: true });
    await run();
    const [first = ''] = made(cluster);
    bringBack(cluster, first);
    for (const name of ['pv-data', 'pv-more']) {
      const found = cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name });
      if (found !== undefined) cluster.put({ ...found, spec: { ...found.spec, persistentVolumeReclaimPolicy: 'Retain' } });
    }
    expect(stepOf(await resume())).toMatchObject({ state: 'succeeded', found: true });
    expect(made(cluster)).toEqual([first]);
  });

  it('holds what is restored with Retain, and says what it was before', async () => {
    const { run, cluster } = world();
    const { holds } = await run();
    expect(holds).toMatchObject([
      { id: 'reclaim-policy/shop/data', kind: 'reclaim-policy', prior: { volume: 'pv-data', policy: 'Delete' } },
      { id: 'reclaim-policy/shop/more', kind: 'reclaim-policy', prior: { volume: 'pv-more', policy: 'Delete' } },
    ]);
    expect(cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv-data' })?.spec).toMatchObject({ persistentVolumeReclaimPolicy: 'Retain' });
  });

  it.each<[string, JsonObject | undefined]>([
    ['a Restore that is gone', undefined],
    ['a Restore that another run made', { metadata: { labels: { 'dr.lattice.dev/run': 'an earlier one' } }, spec: { backupName: NAME } }],
    ['a Restore that somebody made by hand', { spec: { backupName: NAME } }],
  ])('does not count volumes that came with %s', async (_, restore) => {
    const { run, cluster } = world();
    bringBack(cluster, 'old');
    if (restore !== undefined) cluster.put(velero('Restore', 'old', { ...restore, status: { phase: 'Completed' } }));
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', details: { claims: ['shop/data', 'shop/more'] } });
    expect(error?.message).toContain(`volume 'pv-data' came with Restore 'old', which this run did not make of backup '${NAME}'`);
    expect(made(cluster)).toEqual([]);
  });

  it('does not count volumes of another backup that this run has restored', async () => {
    const { run, resume, cluster } = world({ unbound: true });
    const result = await run();
    const [first = ''] = made(cluster);
    bringBack(cluster, first);
    cluster.put(
      velero('Restore', first, { metadata: { labels: { 'dr.lattice.dev/run': result.run } }, spec: { backupName: 'another' }, status: { phase: 'Completed' } }),
    );
    expect((await resume()).error?.message).toContain(`which this run did not make of backup '${NAME}'`);
  });

  it('says where to look when Velero takes no Restore up', async () => {
    const { run, cluster } = world({ ends: ['restarting'] });
    const result = await run();
    expect(result).toMatchObject({ elapsedMs: 5 * 60_000, error: { code: 'STEP_FAILED' } });
    expect(result.error?.message).toContain('has not taken up restore');
    expect(result.error?.suggestions.join()).toContain('deploy/velero');
    expect(made(cluster)).toHaveLength(1);
  });

  it('waits longer while Velero is at work on another Restore', async () => {
    const { run, cluster } = world({ ends: ['restarting'] });
    cluster.put(velero('Restore', 'of others', { spec: { backupName: 'x' }, status: { phase: 'InProgress' } }));
    expect(await run()).toMatchObject({ elapsedMs: 4 * 60 * 60_000, error: { code: 'STEP_TIMEOUT' } });
  });

  it('does not wait for a Restore that somebody has removed', async () => {
    const { run, cluster, bench } = world({ ends: ['InProgress'] });
    void bench.clock.sleep(60_000).then(() => cluster.remove({ ...RESTORE, namespace: 'velero', name: made(cluster)[0] ?? '' }));
    const result = await run();
    expect(result).toMatchObject({ elapsedMs: 60_000, error: { code: 'STEP_FAILED' } });
    expect(result.error?.message).toContain('was removed while it was waited for');
  });

  it('makes a new try after one that Velero failed when it restarted', async () => {
    const { run, cluster } = world({ ends: ['Failed', 'Completed'] });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(made(cluster)).toEqual([restoreName(result.run, NAME, 1), restoreName(result.run, NAME, 2)]);
  });

  it('removes what a failed try left without a claim, and only that', async () => {
    const { run, cluster, bench } = world({ ends: ['Failed', 'Completed'] });
    cluster.react(RESTORE, (object) => {
      const failed = object.status?.['phase'] === 'Failed';
      if (!failed || cluster.peek({ apiVersion: 'v1', kind: 'PersistentVolume', name: 'left' }) !== undefined) return;
      cluster.put(volume('left', object.metadata.name, { status: { phase: 'Available' } }));
      cluster.put(volume('kept', object.metadata.name));
      cluster.put(volume('foreign', 'another restore', { status: { phase: 'Available' } }));
    });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(made(cluster, 'delete', 'PersistentVolume')).toEqual(['left']);
    expect(bench.events.filter((event) => event.type === 'effect' && event.state === 'done').length).toBe(1);
  });

  it.each([
    ['go at once', []],
    ['are held by a finalizer', ['kubernetes.io/pv-protection']],
  ] as const)('removes each of them once, wherever it is killed, also those that %s', async (_what, finalizers) => {
    const make = (): World => {
      const made = world({ ends: ['Failed', 'Completed'] });
      let left = false;
      made.cluster.react(RESTORE, (object) => {
        if (object.status?.['phase'] !== 'Failed' || left) return;
        left = true;
        const { metadata, ...rest } = volume('left', object.metadata.name, { status: { phase: 'Available' } });
        made.cluster.put({ ...rest, metadata: { ...metadata, finalizers } });
      });
      return made;
    };
    const check = ({ cluster }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(made(cluster, 'delete', 'PersistentVolume'), where).toEqual(['left']);
      expect(made(cluster).length, where).toBe(2);
    };
    await crashEverywhere(make, check, ['volumes/restore delete-leftover-volume']);
  });

  it('says so when nothing binds what was restored', async () => {
    const { run, cluster } = world({ unbound: true });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED' });
    expect(error?.message).toContain('shop/data (pending), shop/more (pending)');
    expect(made(cluster)).toHaveLength(1);
  });

  it('waits on for the binding after a resume: no second Restore, nothing removed', async () => {
    const { run, resume, cluster, bench } = world({ unbound: true });
    await run();
    const [first = ''] = made(cluster);
    void bench.clock.sleep(10_000).then(() => bringBack(cluster, first));
    expect((await resume()).state).toBe('succeeded');
    expect(made(cluster)).toEqual([first]);
    expect(made(cluster, 'delete', 'PersistentVolume')).toEqual([]);
  });

  it('adopts the Restore that is under way', async () => {
    const { run, resume, cluster } = world({ ends: ['restarting'] });
    expect((await run()).error?.code).toBe('STEP_FAILED');
    const [first = ''] = made(cluster);
    const resumed = resume();
    bringBack(cluster, first);
    cluster.put({ ...velero('Restore', first), ...cluster.peek({ ...RESTORE, namespace: 'velero', name: first }), status: { phase: 'Completed' } });
    expect((await resumed).state).toBe('succeeded');
    expect(made(cluster)).toEqual([first]);
  });

  it('shows where each volume comes from, and what is lost with it', async () => {
    const [change] = await world().bench.plan('volumes/restore', INPUT);
    expect(change).toEqual({
      verb: 'create',
      subject: `volume shop/data from snapshot of ${NAME} (2026-03-01T02:00:00Z)`,
      note: '60 min of writes are lost, objective 60 min',
    });
  });

  it('makes one Restore, wherever it is killed', async () => {
    await crashEverywhere(world, ({ cluster }: World, result: RunResult, where: string) => {
      expect(result.error, where).toBeUndefined();
      expect(made(cluster).length, where).toBe(1);
      expect(made(cluster, 'delete', 'PersistentVolume'), where).toEqual([]);
    });
  });
});
