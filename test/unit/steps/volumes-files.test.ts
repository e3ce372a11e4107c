import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { core, objectOf, platformCluster, TARGET } from './objects.ts';
import { type CrashCase, crashEverywhere, StepBench, stepOf } from './step-harness.ts';
import { bucketWith } from './velero-bucket.ts';
import { made, NAME, OF_BACKUP, RESTORE } from './volume-world.ts';

const MOVER = { apiVersion: 'velero.io/v1', kind: 'PodVolumeRestore' };
const POD = { apiVersion: 'v1', kind: 'Pod' };
const CLAIM = { apiVersion: 'v1', kind: 'PersistentVolumeClaim' };
const IMAGE = 'velero/velero:v1.18.3';
const CLAIMS = ['shop/data', 'shop/more'];
const FILES = { snapshot: 'kopia-1', uploader: 'kopia', volume: 'v' };
const INPUT = {
  target: TARGET,
  backups: [{ store: 'main', bucket: 'backups' }],
  sources: CLAIMS.map((claim) => ({ ...OF_BACKUP, claim, from: 'fs-backup', bytes: 100, files: FILES })),
};

interface World extends CrashCase {
  readonly cluster: FakeKubeCluster;
}

/** How the node agent ends the first, second, … mover; the last stays. */
type Ends = readonly ('Completed' | 'Failed' | 'New')[];

/** Velero makes claims that are empty; a provisioner gives them volumes; a node agent ends each mover whose carrier is there. */
function world({ ends = ['Completed'] }: { readonly ends?: Ends } = {}): World {
  const cluster = platformCluster();
  const template = { spec: { containers: [{ name: 'velero', image: IMAGE }] } };
  cluster.put(objectOf('apps/v1', 'Deployment', { place: 'velero/velero', rest: { spec: { template } } }));
  cluster.react(RESTORE, (restore) => {
    if (restore.status !== undefined) return;
    for (const claim of CLAIMS) makeClaim(cluster, claim, restore);
    cluster.put({ ...restore, status: { phase: 'Completed', progress: { itemsRestored: 2, totalItems: 2 } } });
  });
  const seen: string[] = [];
  cluster.react(MOVER, (mover) => {
    if (mover.status !== undefined || seen.includes(mover.metadata.name)) return;
    seen.push(mover.metadata.name);
    const { namespace = '', name = '' } = (mover.spec?.['pod'] ?? {}) as { readonly namespace?: string; readonly name?: string };
    if (cluster.peek({ ...POD, namespace, name }) === undefined) throw new Error(`the mover ${mover.metadata.name} has no pod`);
    const phase = ends[Math.min(seen.length, ends.length) - 1] ?? 'Completed';
    if (phase !== 'New')
      cluster.put({ ...mover, status: { phase, message: 'disk full', progress: { totalBytes: 100, bytesDone: phase === 'Completed' ? 100 : 40 } } });
  });
  const bench = new StepBench({ clusters: { 'new.yaml': cluster }, buckets: [bucketWith()] });
  return { bench, cluster, run: async () => bench.run('volumes/restore', INPUT), resume: async () => bench.resume() };
}

function makeClaim(cluster: FakeKubeCluster, claim: string, restore: KubeObject): void {
  const [namespace = '', name = ''] = claim.split('/');
  if (cluster.peek({ ...CLAIM, namespace, name }) !== undefined) return;
  const labels = { 'velero.io/restore-name': restore.metadata.name };
  const volume = `pvc-${name}-of-${restore.metadata.name}`;
  cluster.put(
    core('PersistentVolume', volume, { spec: { hostPath: { path: `/d/${volume}` }, persistentVolumeReclaimPolicy: 'Delete' }, status: { phase: 'Bound' } }),
  );
  cluster.put(core('PersistentVolumeClaim', claim, { metadata: { labels }, spec: { volumeName: volume }, status: { phase: 'Bound' } }));
}

function movers(cluster: FakeKubeCluster): readonly KubeObject[] {
  const refs = cluster.requests.filter(({ verb, ref }) => verb === 'create' && ref.kind === MOVER.kind).map(({ ref }) => cluster.peek(ref));
  return refs.filter((mover) => mover !== undefined);
}

/** The pods that this run has made, as they were sent. */
function carriers(cluster: FakeKubeCluster): readonly JsonObject[] {
  return cluster.requests.filter(({ verb, ref }) => verb === 'create' && ref.kind === 'Pod').map(({ ref }) => ({ ...ref }));
}

describe('volumes/restore from a file-system backup', () => {
  it('holds each claim with a pod that does nothing, has its files written and removes the pod', async () => {
    const { run, cluster } = world();
    const pods: KubeObject[] = [];
    cluster.react(POD, (pod) => void pods.push(pod));
    const result = await run();
    expect(result.error).toBeUndefined();
    const [restore = ''] = made(cluster);
    const uid = cluster.peek({ ...RESTORE, namespace: 'velero', name: restore })?.metadata.uid;
    const [pod] = pods.filter(({ metadata }) => metadata.annotations?.['dr.lattice.dev/claims'] === 'shop/data');
    expect(pod?.spec).toMatchObject({
      automountServiceAccountToken: false,
      initContainers: [{ name: 'restore-wait', image: IMAGE, args: [uid], volumeMounts: [{ name: 'v', mountPath: '/restores/v' }] }],
      containers: [{ name: 'carrier', image: IMAGE }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }],
    });
    const [mover] = (await cluster.list(MOVER, { signal: new AbortController().signal })) ?? [];
    expect(mover).toMatchObject({
      metadata: { namespace: 'velero', ownerReferences: [{ kind: 'Restore', name: restore, uid }] },
      spec: { volume: 'v', backupStorageLocation: 'lattice-main', snapshotID: 'kopia-1', uploaderType: 'kopia', sourceNamespace: 'shop', snapshotSize: 100 },
    });
    expect(carriers(cluster)).toHaveLength(2);
    expect(made(cluster, 'delete', 'Pod')).toHaveLength(2);
    expect(stepOf(result).outputs).toMatchObject({
      volumes: [
        { claim: 'shop/data', from: 'fs-backup' },
        { claim: 'shop/more', from: 'fs-backup' },
      ],
    });
    expect(result.holds.map(({ id }) => id)).toEqual(['reclaim-policy/shop/data', 'reclaim-policy/shop/more']);
  });

  it('counts bytes, not objects, and says how long the rest will take', async () => {
    const { run, bench, cluster } = world({ ends: ['New'] });
    const copied = (bytesDone: number, phase: string): void => {
      for (const mover of movers(cluster)) cluster.put({ ...mover, status: { phase, progress: { totalBytes: 100, bytesDone } } });
    };
    for (const [seconds, bytes] of [
      [10, 10],
      [20, 40],
      [30, 100],
    ] as const)
      void bench.clock.sleep(seconds * 1_000).then(() => copied(bytes, bytes === 100 ? 'Completed' : 'InProgress'));
    expect((await run()).error).toBeUndefined();
    const progress = bench.events.flatMap((event) => (event.type === 'step-progress' && event.progress.unit === 'bytes' ? [event.progress] : []));
    expect(progress.map(({ message, done, total }) => `${message}: ${done} of ${total}`)).toContain(
      'files of 0 of 2 volumes are back, about 20.0 s left: 80 of 200',
    );
  });

  it('makes the claim anew that was half filled, and no other', async () => {
    const { run, cluster } = world({ ends: ['Completed', 'Failed', 'Completed'] });
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(made(cluster, 'delete', 'PersistentVolumeClaim')).toHaveLength(1);
    expect(made(cluster)).toHaveLength(2);
    expect(made(cluster, 'create', 'PodVolumeRestore')).toHaveLength(3);
  });

  it('says what stays short, with exit 6', async () => {
    const { run, cluster } = world({ ends: ['Failed'] });
    const { error } = await run();
    expect(error).toMatchObject({ code: 'VOLUME_NOT_RESTORED', kind: 'verification' });
    expect(error?.message).toContain('Failed: disk full');
    expect(((await cluster.list(POD, { signal: new AbortController().signal })) ?? []).length).toBe(0);
  });

  it('says where to look when no node agent comes', async () => {
    const { run } = world({ ends: ['New'] });
    const result = await run();
    expect(result).toMatchObject({ elapsedMs: 10 * 60_000, error: { code: 'STEP_FAILED' } });
    expect(result.error?.suggestions.join()).toContain('daemonset/node-agent');
  });

  it('fills each claim once and removes each pod once, wherever it is killed', async () => {
    const check = ({ cluster }: World, result: RunResult, where: string): void => {
      expect(result.error, where).toBeUndefined();
      expect(made(cluster).length, where).toBe(1);
      expect(made(cluster, 'create', 'PodVolumeRestore').length, where).toBe(2);
      expect(made(cluster, 'delete', 'Pod').length, where).toBe(2);
      expect(made(cluster, 'delete', 'PersistentVolumeClaim'), where).toEqual([]);
    };
    await crashEverywhere(world, check, ['volumes/restore delete-carrier-pod']);
  });

  it(`is proven by the mover of this very claim and the chosen snapshot of ${NAME}`, async () => {
    const { run, cluster } = world();
    cluster.react(MOVER, (mover) => {
      if (mover.status?.['phase'] === 'Completed' && mover.spec?.['snapshotID'] === 'kopia-1')
        cluster.put({ ...mover, spec: { ...mover.spec, snapshotID: 'another' } });
    });
    expect((await run()).error).toMatchObject({ code: 'VERIFY_FAILED', details: { evidence: { open: CLAIMS } } });
  });
});
