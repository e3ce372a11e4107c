import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskOf } from '../../src/backup/disk.ts';
import { isDrError } from '../../src/errors/dr-error.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { destroyCluster } from '../../src/lab/destroy-cluster.ts';
import { killNodeAgent, killVelero } from '../../src/lab/faults/velero-kill.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { namespaced, TYPES } from '../../src/lab/reconcile/types.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { volumesRestore } from '../../src/steps/volumes/restore.ts';
import { volumesSources } from '../../src/steps/volumes/sources.ts';
import { createTestLab, type TestLab } from '../integration/lab-world.ts';
import { until } from '../integration/platform-world.ts';
import { createWithVelero, introduceBackup, object, untilPhase, untilSeen, type VeleroCluster } from '../integration/velero-world.ts';
import { isPodReady } from '../support/pod-answers.ts';
import { putProxyBefore } from '../support/s3-behind-proxy.ts';
import type { S3Proxy } from '../support/s3-proxy.ts';
import { StepBench, type StepRun } from '../support/step-bench.ts';

const FILES = ['first', 'second', 'third', 'fourth'];
/** Together more than one pack of Kopia's, so that some files are there before others. */
const FILE_BYTES = 12 * 1024 * 1024;
const MOVER = { apiVersion: 'velero.io/v1', kind: 'PodVolumeRestore' } as const;
/** Objects of Kopia's repository that hold data. */
const PACK = /\/kopia\/shop\/p/;
const LIMIT_MS = 8 * 60_000;

/** A database whose volume is in a file-system backup, restored to another cluster while what does it is killed. No platform: Velero and its node agent alone. */
describe('traps of file-system backups', { timeout: LIMIT_MS }, () => {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const write = { fieldManager: 'test', force: true, signal };
  const saved = new Map(FILES.map((name) => [name, randomBytes(FILE_BYTES)]));
  let world: TestLab;
  let lab: LabConfig;
  let proxy: S3Proxy;
  let fresh: VeleroCluster;

  const directoryOf = async (kube: KubeCluster): Promise<string> => {
    const claim = await kube.get(namespaced(TYPES.PersistentVolumeClaim, 'shop', 'data'), signal);
    const volume = await kube.get({ ...TYPES.PersistentVolume, name: String(claim?.spec?.['volumeName']) }, signal);
    return diskOf(volume?.spec)?.handle ?? '';
  };

  /** Files that are there with all their bytes. */
  const whole = async (): Promise<readonly string[]> => {
    const directory = await directoryOf(fresh.kube);
    const found = await Promise.all(FILES.map(async (name) => ({ name, bytes: await readFile(join(directory, 'base', name)).catch(() => undefined) })));
    return found.filter(({ name, bytes }) => bytes !== undefined && saved.get(name)?.equals(bytes) === true).map(({ name }) => name);
  };

  /** Starts the work, lets it get its first pack of data, and kills who is at it. */
  const interrupted = async <T>(work: () => Promise<T>, kill: () => Promise<unknown>): Promise<T> => {
    const packs = new Set<string>();
    let waits = false;
    proxy.intervene(({ method, path }) => {
      if (method !== 'GET' || !PACK.test(path)) return undefined;
      if (packs.size === 0) packs.add(path);
      if (packs.has(path)) return undefined;
      waits = true;
      return 'hang';
    });
    const working = work();
    await until(async () => waits, 'the second pack is asked for');
    await kill();
    proxy.intervene(() => undefined);
    // A data mover that lives on asks again.
    proxy.cutHanging();
    return await working;
  };

  const startsInShop = async (): Promise<readonly string[]> => {
    const log = await readFile(join(world.directory, 'logs', `${fresh.cluster.id}.node.log`), 'utf8');
    return log.split('\n').flatMap((line) => /^\S+ start (shop\/\S+) as (\S+) of /.exec(line)?.slice(1, 3).join(' ') ?? []);
  };

  beforeAll(async () => {
    world = await createTestLab(LIMIT_MS);
    lab = await labUp({ ...world.operation, only: ['s3'] });
    proxy = await putProxyBefore(lab);
    const old = await createWithVelero(world.operation, lab, { name: 'old', accessMode: 'ReadWrite' });
    await old.kube.apply({ ...TYPES.Namespace, metadata: { name: 'shop' } }, write);
    const claim = { storageClassName: 'lab-local', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } };
    await old.kube.apply(object('v1/PersistentVolumeClaim', { name: 'data', namespace: 'shop' }, claim), write);
    const container = { name: 'main', image: 'registry.lab.test/db:1', volumeMounts: [{ name: 'files', mountPath: '/files' }] };
    const metadata = { name: 'db', namespace: 'shop', annotations: { 'backup.velero.io/backup-volumes': 'files' } };
    const volumes = [{ name: 'files', persistentVolumeClaim: { claimName: 'data' } }];
    await old.kube.apply(object('v1/Pod', metadata, { terminationGracePeriodSeconds: 0, containers: [container], volumes }), write);
    await untilSeen({ kube: old.kube, signal }, TYPES.Pod, (pod) => pod.metadata.name === 'db' && isPodReady(pod));
    await mkdir(join(await directoryOf(old.kube), 'base'), { recursive: true });
    for (const [name, bytes] of saved) await writeFile(join(await directoryOf(old.kube), 'base', name), bytes);
    await old.kube.create(
      object('velero.io/v1/Backup', { name: 'one', namespace: 'velero' }, { storageLocation: 'lattice-main', includedNamespaces: ['shop'] }),
      write,
    );
    const backup = await untilPhase({ kube: old.kube, signal }, 'Backup', { name: 'one', phase: 'Completed' });
    fresh = await createWithVelero(world.operation, lab, { name: 'fresh', accessMode: 'ReadOnly' });
    await introduceBackup(backup, { kube: old.kube, signal }, { kube: fresh.kube, signal });
    await old.kube[Symbol.asyncDispose]();
    await destroyCluster({ ...world.operation, cluster: 'old' });
  }, LIMIT_MS);

  afterAll(async () => {
    await fresh.kube[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it('a naive second Restore after a killed Velero leaves a file short and says Completed; ours does not, and starts nothing of the application', async () => {
    const { kube } = fresh;
    const restore = async (name: string): Promise<void> => {
      const spec = { backupName: 'one', includedResources: ['pods', 'persistentvolumeclaims', 'persistentvolumes'], restorePVs: true };
      await kube.create(object('velero.io/v1/Restore', { name, namespace: 'velero' }, spec), write);
    };
    const operation = { ...world.operation, cluster: 'fresh' };
    await interrupted(
      async () => await restore('naive'),
      async () => {
        await killVelero(operation);
        // What moves the files lives on, as a pod of its own would, and would finish: it must come to nothing as well, as on a machine that was lost.
        proxy.intervene(({ method, path }) => (method === 'GET' && PACK.test(path) ? { status: 404 } : undefined));
        proxy.cutHanging();
        await untilPhase({ kube, signal }, 'Restore', { name: 'naive', phase: 'Failed' });
        await untilSeen({ kube, signal }, MOVER, ({ status }) => /^(Canceled|Failed)$/.test(String(status?.['phase'])));
      },
    );
    await restore('naive-again');
    await untilPhase({ kube, signal }, 'Restore', { name: 'naive-again', phase: 'Completed' });
    expect((await whole()).length).toBeLessThan(FILES.length);

    // Away with it, as a person would who has noticed.
    await kube.delete(namespaced(TYPES.Pod, 'shop', 'db'), { signal, gracePeriodSeconds: 0 });
    await kube.delete(namespaced(TYPES.PersistentVolumeClaim, 'shop', 'data'), { signal });
    await until(async () => ((await kube.list(TYPES.PersistentVolume, { signal })) ?? []).length === 0, 'the volume is gone');
    const startedBefore = (await startsInShop()).length;

    await using bench = await StepBench.open();
    const { bucket, region, endpoint, credentialsPath } = lab.s3;
    const backups = [{ store: 'main', bucket, region, endpoint, credentials: { file: credentialsPath } }];
    const point = { store: 'main', name: 'one', completedAt: new Date().toISOString(), volumes: ['shop/data'], withoutData: [], snapshotLocations: [] };
    const objectives = { rto: '40m', rpo: '1h' };
    const { sources } = (await bench.run(volumesSources, 'fresh', { backups, recoveryPoints: [point], objectives })).outputs;
    expect(sources).toMatchObject([{ claim: 'shop/data', from: 'fs-backup', files: { uploader: 'kopia', volume: 'files' } }]);
    const input = { target: { kubeconfig: fresh.cluster.kubeconfigs.admin }, backups, sources } as unknown as JsonObject;
    const ours = async (): Promise<StepRun<JsonObject>> => await bench.run(volumesRestore, 'fresh', input);
    const tries: string[] = [];
    const again = async (): Promise<StepRun<JsonObject>> => {
      // What the engine does with an error that may be tried again.
      try {
        return await ours();
      } catch (error) {
        if (!isDrError(error) || error.retry === 'never' || tries.length > 2) throw error;
        tries.push(error.code);
        return await again();
      }
    };
    const result = await interrupted(again, async () => await Promise.all([killVelero(operation), killNodeAgent(operation)]));
    expect(await whole()).toEqual(FILES);
    expect(result.outputs['volumes']).toMatchObject([{ claim: 'shop/data', from: 'fs-backup' }]);
    expect(result.effects).toContain('delete-carrier-pod');
    expect(((await kube.list(TYPES.Pod, { namespace: 'shop', signal })) ?? []).map(({ metadata }) => metadata.name)).toEqual([]);
    const started = (await startsInShop()).slice(startedBefore);
    expect(started.length).toBeGreaterThan(0);
    expect(started.filter((line) => !/^shop\/lattice-dr-carrier-\w+\/(restore-wait|carrier) programs$/.test(line))).toEqual([]);
  });
});
