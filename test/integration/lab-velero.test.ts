import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpGet } from '../../src/lab/apps/mesh-client.ts';
import { startNode } from '../../src/lab/cluster-servers.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { killNodeAgent, killVelero } from '../../src/lab/faults/velero-kill.ts';
import { labStatus } from '../../src/lab/lab-status.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { listenAddress, listenPort } from '../../src/lab/node/addresses.ts';
import { directoryOfVolume, podFolder } from '../../src/lab/node/containers/pod-volumes.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import { stopServer } from '../../src/lab/supervise/stop-server.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { eventually } from '../support/lab-nodes.ts';
import { readS3Access } from './lab-logs.ts';
import { createTestLab, listeningAddresses, type TestLab } from './lab-world.ts';
import { createWithVelero, introduceBackup, object, untilPhase, untilSeen } from './velero-world.ts';

const isReady = ({ status }: KubeObject): boolean =>
  ((status?.['conditions'] ?? []) as readonly { readonly type: string; readonly status: string }[]).some(
    ({ type, status: holds }) => type === 'Ready' && holds === 'True',
  );

describe('Velero in a lab', { timeout: 300_000 }, () => {
  let world: TestLab;
  let lab: LabConfig;
  const signal = AbortSignal.timeout(290_000);
  const write = { fieldManager: 'test', force: true, signal };
  const operation = (): TestLab['operation'] => ({ ...world.operation, signal });

  beforeAll(async () => {
    world = await createTestLab(360_000);
    lab = await labUp({ ...world.operation, only: ['s3'] });
  }, 120_000);

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  /** A pod with a volume in the file system backup and one that the snapshot plugin has to save. */
  const applyDatabase = async (kube: KubeCluster): Promise<void> => {
    const size = { requests: { storage: '64Mi' } };
    await kube.apply({ ...TYPES.Namespace, metadata: { name: 'shop' } }, write);
    for (const name of ['data', 'index']) {
      const spec = { storageClassName: 'lab-local', accessModes: ['ReadWriteOnce'], resources: size };
      await kube.apply(object('v1/PersistentVolumeClaim', { name, namespace: 'shop' }, spec), write);
    }
    const container = {
      name: 'main',
      image: 'registry.lab.test/db:1',
      env: [
        { name: 'LAB_ROLE', value: 'database' },
        { name: 'LAB_RECOVERY', value: 'manual' },
      ],
      volumeMounts: ['data', 'index'].map((name) => ({ name, mountPath: `/${name}` })),
    };
    const volumes = ['data', 'index'].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
    const metadata = { name: 'db', namespace: 'shop', annotations: { 'backup.velero.io/backup-volumes': 'data' } };
    await kube.apply(object('v1/Pod', metadata, { terminationGracePeriodSeconds: 0, containers: [container], volumes }), write);
    await untilSeen({ kube, signal }, TYPES.Pod, (pod) => pod.metadata.name === 'db' && isReady(pod));
  };

  /** What the database says of its records. */
  const recordsOf = async (kube: KubeCluster): Promise<unknown> => {
    const pod = await kube.get(namespaced(TYPES.Pod, 'shop', 'db'), signal);
    const endpoint = { address: listenAddress(String(pod?.status?.['podIP'])), port: listenPort(8_080) };
    const reply = await httpGet({ endpoint, path: '/records/data', headers: {} });
    return reply === 'unreachable' ? reply : JSON.parse(reply.body.toString());
  };

  const recoveryPod = (): KubeObject =>
    object(
      'v1/Pod',
      { name: 'recovery', namespace: 'shop' },
      {
        restartPolicy: 'Never',
        containers: [
          { name: 'recover', image: 'registry.lab.test/db:1', command: ['lab-app', 'recover'], volumeMounts: [{ name: 'data', mountPath: '/data' }] },
        ],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    );

  const directoryOf = async (kube: KubeCluster, claim: string): Promise<string> => {
    const bound = await kube.get(namespaced(TYPES.PersistentVolumeClaim, 'shop', claim), signal);
    return directoryOfVolume(await kube.get({ ...TYPES.PersistentVolume, name: String(bound?.spec?.['volumeName']) }, signal)) ?? '';
  };

  const startsOf = async (clusterId: string): Promise<readonly string[]> => {
    const log = await readFile(join(world.directory, 'logs', `${clusterId}.node.log`), 'utf8');
    return log.split('\n').flatMap((line) => /^\S+ start (\S+) as (\S+) of /.exec(line)?.slice(1, 3).join(' ') ?? []);
  };

  it('brings volumes saved in one cluster back in another, byte for byte, by Kopia and by snapshot; the app starts last; killed servers start again', async () => {
    const old = await createWithVelero(operation(), lab, { name: 'old', accessMode: 'ReadWrite' });
    const secret = await old.kube.get(namespaced(TYPES.Secret, 'velero', 'velero-repo-credentials'), signal);
    // Nobody has made it, so Velero has, with the password that everybody knows (Velero 1.18 pkg/repository/keys).
    expect(Buffer.from(String((secret?.['data'] as Record<string, string> | undefined)?.['repository-password']), 'base64').toString()).toBe('static-passw0rd');
    await applyDatabase(old.kube);
    const bytes = { data: randomBytes(300_000), index: randomBytes(200_000) };
    for (const [claim, content] of Object.entries(bytes)) {
      const folder = join(await directoryOf(old.kube, claim), 'base');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'table'), content);
    }
    const written = await recordsOf(old.kube);
    expect(written).toMatchObject({ count: 8, checksums: expect.arrayContaining([expect.stringMatching(/^sha256:[0-9a-f]{64}$/)]) });
    const spec = { storageLocation: 'lattice-main', includedNamespaces: ['shop'] };
    await old.kube.create(object('velero.io/v1/Backup', { name: 'one', namespace: 'velero' }, spec), write);
    const backup = await untilPhase({ kube: old.kube, signal }, 'Backup', { name: 'one', phase: 'Completed' });
    expect(backup.status).toMatchObject({ volumeSnapshotsAttempted: 1, volumeSnapshotsCompleted: 1 });

    const fresh = await createWithVelero(operation(), lab, { name: 'fresh', accessMode: 'ReadOnly' });
    await introduceBackup(backup, { kube: old.kube, signal }, { kube: fresh.kube, signal });
    await old.kube[Symbol.asyncDispose]();
    await destroyCluster({ ...world.operation, cluster: 'old' });
    const restore = { backupName: 'one', includedResources: ['pods', 'persistentvolumeclaims', 'persistentvolumes'], restorePVs: true };
    await fresh.kube.create(object('velero.io/v1/Restore', { name: 'one', namespace: 'velero' }, restore), write);
    await untilPhase({ kube: fresh.kube, signal }, 'Restore', { name: 'one', phase: 'Completed' });
    // A copy of a database that ran is not in order yet, and this one does not put itself in order.
    await untilSeen({ kube: fresh.kube, signal }, TYPES.Pod, (pod) => pod.metadata.name === 'db' && pod.status?.['phase'] === 'Running');
    expect(await recordsOf(fresh.kube)).toEqual({ error: expect.stringMatching(/^data file at record 5 of 8, .*run lab-app recover/) });
    await fresh.kube.create(recoveryPod(), write);
    await untilSeen({ kube: fresh.kube, signal }, TYPES.Pod, (pod) => pod.metadata.name === 'recovery' && pod.status?.['phase'] === 'Succeeded');
    await untilSeen({ kube: fresh.kube, signal }, TYPES.Pod, (pod) => pod.metadata.name === 'db' && isReady(pod));
    expect(await recordsOf(fresh.kube)).toEqual(written);
    for (const [claim, content] of Object.entries(bytes)) {
      const restored = await directoryOf(fresh.kube, claim);
      expect(dirname(restored)).toBe(fresh.cluster.disksPath);
      expect(content.equals(await readFile(join(restored, 'base', 'table'))), claim).toBe(true);
    }
    const starts = await startsOf(fresh.cluster.id);
    const mover = starts.findIndex((line) => /^velero\/one-\S+ programs$/.test(line));
    expect([starts.indexOf('shop/db/restore-wait programs') >= 0, mover >= 0, starts.indexOf('shop/db/main app') > mover]).toEqual([true, true, true]);
    const puts = (await readS3Access(lab.s3.accessLogPath)).filter((entry) => entry.operation === 's3_PutObject');
    expect([...new Set(puts.map((entry) => entry.requester))]).toEqual(['velero']);

    // Killed in the middle: one of the two volumes is there, and the restore is over.
    const options = { ...operation(), cluster: 'fresh' };
    const again = { ...restore, namespaceMapping: { shop: 'drill' } };
    await Promise.all([
      killVelero({ ...options, afterVolumes: 1 }),
      fresh.kube.create(object('velero.io/v1/Restore', { name: 'two', namespace: 'velero' }, again), write),
    ]);
    const failed = await untilPhase({ kube: fresh.kube, signal }, 'Restore', { name: 'two', phase: 'Failed' });
    expect(failed.status?.['failureReason']).toMatch(/InProgress.*during the server starting/);
    const { servers } = await labStatus(world.operation);
    const { veleroMetrics, veleroProfiler } = fresh.cluster.ports;
    // Restores that were under way are failed before the server listens on both.
    await eventually(async () => (await listeningAddresses([veleroMetrics, veleroProfiler])).length === 2, 60_000, 'Velero listens again');
    expect((await listeningAddresses([veleroMetrics, veleroProfiler, 8080, 8085])).filter((address) => !address.startsWith('0100007F:'))).toEqual([]);
    await Promise.all([killVelero(options), killNodeAgent(options)]);
    const after = await labStatus(world.operation);
    for (const workload of ['velero', 'node-agent']) {
      const pidIn = (list: typeof servers): number | undefined => list.find(({ id }) => id.startsWith(`${fresh.cluster.id}.${workload}-`))?.pid;
      expect(pidIn(after.servers)).toEqual(expect.any(Number));
      expect(pidIn(after.servers)).not.toBe(pidIn(servers));
    }
    const restarts = ({ status }: KubeObject): unknown =>
      (status?.['containerStatuses'] as readonly { readonly restartCount: number }[] | undefined)?.[0]?.restartCount;
    await untilSeen({ kube: fresh.kube, signal }, TYPES.Pod, (pod) => pod.metadata.labels?.['name'] === 'velero' && restarts(pod) === 2 && isReady(pod));

    // A node that comes back finds its containers, and clears away what went meanwhile.
    const { metadata } = (await fresh.kube.get(namespaced(TYPES.Pod, 'shop', 'recovery'), signal)) ?? {};
    const folder = podFolder(fresh.cluster, metadata?.uid ?? '');
    await expect(access(folder)).resolves.toBeUndefined();
    await stopServer({ directory: world.directory, id: `${fresh.cluster.id}.node`, force: true });
    await fresh.kube.delete(namespaced(TYPES.Pod, 'shop', 'recovery'), { signal, gracePeriodSeconds: 0 });
    await startNode({ ...operation(), cluster: fresh.cluster.id });
    await expect.poll(async () => await access(folder).catch(() => 'gone'), { timeout: 20_000 }).toBe('gone');
    expect((await labStatus(world.operation)).servers.filter(({ id, state }) => id.includes('.velero-') && state === 'running')).toEqual(
      after.servers.filter(({ id }) => id.includes('.velero-')).map((server) => ({ ...server, rssBytes: expect.any(Number) })),
    );
    await fresh.kube[Symbol.asyncDispose]();
  });
});
