import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { parseManifestFile } from '../../src/adapters/yaml/parse-manifest-file.ts';
import { moskVerdict } from '../../src/backup/mosk.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { LookTools } from '../../src/operations/look-tools.ts';
import { moskSources } from '../../src/operations/mosk-cluster.ts';
import { type DeletedBackup, deleteMoskBackup } from '../../src/operations/mosk-delete.ts';
import { type TakenMoskBackup, takeMoskBackup } from '../../src/operations/mosk-take.ts';
import { loadPlan } from '../../src/operations/prepare-run.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { LoadedPlan } from '../../src/runbook/load-plan.ts';
import { LATTICE_PROFILE } from '../../src/specs/profiles/lattice.ts';
import { readinessOf } from '../../src/specs/readiness.ts';
import { MemoryRunStore } from '../fakes/memory-run-store.ts';
import { MoskStandIn } from '../support/mosk-stand-in.ts';
import { StepBench } from '../unit/steps/step-harness.ts';
import { missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'kube-apiserver']);
const TYPE = { apiVersion: 'kaas.mirantis.com/v1alpha1', kind: 'ClusterBackup' } as const;
const STATUSES = [
  'Completed',
  'Deleted',
  'DeleteFailed',
  'DeletionInProgress',
  'DeletionPending',
  'Failed',
  'InProgress',
  'Pending',
  'Stuck',
  'UploadingInProgress',
  'UploadPending',
];
const KEY = 'keyEncryptionKey: dr-key';

describe.skipIf(missing.length > 0)(
  `ClusterBackups of MOSK on a real API server${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`,
  () => {
    const stack = new AsyncDisposableStack();
    const signal = AbortSignal.timeout(120_000);
    const store = new MemoryRunStore();
    let cluster: KubeCluster;
    let standIn: MoskStandIn;
    let tools: LookTools;
    let kubeconfig: string;

    beforeAll(async () => {
      const folder = stack.use(await temporaryFolder('mosk'));
      const servers = stack.use(await startKube(folder.path));
      kubeconfig = servers.kubeconfigPath;
      const clusters = stack.use(createClusters({ clock: systemClock, env: {} }));
      cluster = await clusters.open({ kubeconfigPath: kubeconfig });
      const crdFile = join(import.meta.dirname, '..', 'fixtures', 'mosk', 'clusterbackups.kaas.mirantis.com.yaml');
      const [document] = parseManifestFile({ path: crdFile, content: await readFile(crdFile) }).documents;
      const write = { fieldManager: 'test', signal };
      await cluster.apply(document?.value as unknown as KubeObject, write);
      await using crds = await cluster.live({ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' });
      await crds.until((objects) => ([...objects.values()].some((crd) => readinessOf(crd, LATTICE_PROFILE).state === 'ready') ? true : undefined), signal);
      await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } }, write);
      const courses = {
        'broken:take': ['Pending', 'InProgress', 'Failed'],
        'jammed:take': ['Pending', 'Stuck'],
        'held:delete': ['DeletionPending', 'DeletionInProgress', 'DeleteFailed'],
        ...Object.fromEntries(STATUSES.map((status) => [`${status.toLowerCase()}:take`, [status]])),
      };
      standIn = stack.use(new MoskStandIn(cluster, courses));
      const bench = new StepBench();
      tools = { ports: { ...bench.ports, clusters }, clock: systemClock, tool: '1.0.0', signal };
    });

    afterAll(async () => {
      await stack.disposeAsync();
    });

    /** @param upload - `spec.mosk.upload`, as written */
    const plan = (upload: string, more = ''): LoadedPlan =>
      loadPlan({
        file: '/plan.yaml',
        folder: '/',
        text: `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: east }
spec:
  cluster: { name: east, provisioner: existing, existing: { kubeconfig: { file: x.yaml } } }
  specs: { git: { repository: specs.git, ref: main } }
  objectives: { rto: 40m, rpo: 1h }
  mosk: { kubeconfig: { file: "${kubeconfig}" }, namespace: prod, upload: ${upload} }
${more}`,
      });
    const REMOTE = '{ rclone: { bucket: dr/east, credential: s3 } }';
    const told: string[] = [];
    const take = async (name: string, of = plan(REMOTE)): Promise<TakenMoskBackup> =>
      await takeMoskBackup({ plan: of, name, limitMs: 20_000, onProgress: ({ message }) => told.push(message) }, tools);
    const remove = async (name: string, answer = true): Promise<DeletedBackup> =>
      await deleteMoskBackup({ plan: plan(REMOTE), name, limitMs: 20_000, confirm: async () => answer, onProgress: () => undefined }, store, tools);
    const get = async (name: string): Promise<KubeObject | undefined> => await cluster.get({ ...TYPE, namespace: 'prod', name }, signal);

    it('is taken, waited for through every status, and is a recovery point', async () => {
      const taken = await take('nightly-1');
      expect(taken).toMatchObject({
        name: 'nightly-1',
        verdict: { state: 'recovery-point' },
        destination: 'rclone bucket dr/east',
        files: ['dr/east:nightly-1.encrypted'],
      });
      expect(taken.note).toContain('is not done by this tool');
      expect(standIn.written.filter((line) => line.startsWith('nightly-1'))).toHaveLength(5);
      expect(told.at(-1)).toBe('ClusterBackup nightly-1: Completed');
    });

    it('is a line of the catalogue, as one whose content nothing here reads', async () => {
      await take('listed-1');
      const [source] = moskSources(plan(REMOTE), tools);
      const entry = (await source?.list(signal))?.find(({ name }) => name === 'listed-1');
      expect(entry).toMatchObject({ kind: 'mosk', store: 'rclone bucket dr/east', takenAt: '2026-03-01T02:00:00Z', verdict: { state: 'not-verified' } });
      expect(entry?.verdict.warnings).toContainEqual(expect.stringContaining('is not done by this tool'));
    });

    it('refuses a name that is taken before anything is asked for', async () => {
      await take('nightly-2');
      const before = (await get('nightly-2'))?.metadata.resourceVersion;
      await expect(take('nightly-2')).rejects.toMatchObject({ code: 'BACKUP_EXISTS', kind: 'precondition' });
      expect((await get('nightly-2'))?.metadata.resourceVersion).toBe(before);
    });

    it.each(['broken-1', 'jammed-1'])('says why %s is none', async (name) => {
      await expect(take(name)).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
    });

    it('does not call one that stays on the cluster a recovery point, and asks for no key that goes with it', async () => {
      const local = plan(REMOTE);
      const { upload: _upload, ...mosk } = local.plan.spec.mosk ?? { upload: undefined };
      const without = { ...local, plan: { ...local.plan, spec: { ...local.plan.spec, mosk } } } as LoadedPlan;
      await expect(take('local-1', without)).rejects.toMatchObject({ code: 'BACKUP_NOT_USABLE', message: expect.stringContaining('goes with it') });

      const encrypted = `{ rclone: { bucket: dr/east, credential: s3 }, ${KEY} }`;
      await expect(take('secret-1', plan(encrypted))).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
      expect(await get('secret-1')).toBeUndefined();
      expect((await take('secret-1', plan(encrypted, '  keys: [{ name: dr-key, where: the safe, custodians: [ann] }]\n'))).verdict.reason).toContain(
        'kept elsewhere',
      );
    });

    it('gives each of the eleven statuses, as the server keeps it, its verdict', async () => {
      const verdicts: Record<string, string> = {};
      for (const status of STATUSES) {
        const name = `${status.toLowerCase()}-1`;
        await cluster.create(
          { ...TYPE, metadata: { namespace: 'prod', name }, spec: { targetCluster: 'east', parameters: { rclone: { bucket: 'dr/east', credential: 's3' } } } },
          { fieldManager: 'test', signal },
        );
        await using live = await cluster.live(TYPE, { namespace: 'prod' });
        const object = await live.until(
          (objects) => [...objects.values()].find(({ metadata, status: has }) => metadata.name === name && has?.['status'] === status),
          signal,
        );
        verdicts[status] = moskVerdict(object, new Set()).state;
      }
      expect(verdicts).toEqual({
        Completed: 'recovery-point',
        Deleted: 'gone',
        DeleteFailed: 'going',
        DeletionInProgress: 'going',
        DeletionPending: 'going',
        Failed: 'failed',
        InProgress: 'unfinished',
        Pending: 'unfinished',
        Stuck: 'failed',
        UploadingInProgress: 'unfinished',
        UploadPending: 'unfinished',
      });
    });

    it('the object first leaves the file with nobody who knows of it; ours takes the file away, then the object', async () => {
      await take('naive-1');
      await cluster.delete({ ...TYPE, namespace: 'prod', name: 'naive-1' }, { signal });
      await using live = await cluster.live(TYPE, { namespace: 'prod' });
      await live.until((objects) => ([...objects.values()].every(({ metadata }) => metadata.name !== 'naive-1') ? true : undefined), signal);
      expect(standIn.files).toContain('dr/east:naive-1.encrypted');

      await take('ours-1');
      await expect(remove('ours-1', false)).rejects.toMatchObject({ code: 'GATE_DECLINED' });
      expect(standIn.files).toContain('dr/east:ours-1.encrypted');
      expect(await remove('ours-1')).toMatchObject({
        files: ['dr/east:ours-1.encrypted'],
        destination: 'rclone bucket dr/east',
        deletedAt: '2026-03-01T02:00:00Z',
      });
      expect(standIn.files).not.toContain('dr/east:ours-1.encrypted');
      await live.until((objects) => ([...objects.values()].every(({ metadata }) => metadata.name !== 'ours-1') ? true : undefined), signal);
      const records = await Promise.all((await store.list('deleted-backups/east/')).map(async (key) => Buffer.from((await store.get(key)) ?? []).toString()));
      expect(records.filter((record) => record.includes('dr/east:ours-1.encrypted'))).toHaveLength(1);
    });

    it('keeps the object whose remote copy is not deleted, and goes on where it was stopped', async () => {
      await take('held-1');
      await expect(remove('held-1')).rejects.toMatchObject({ code: 'BACKUP_NOT_DELETED', message: expect.stringContaining('the object was kept') });
      expect(await get('held-1')).toBeDefined();

      await take('later-1');
      // Killed after it was asked for: the next command finds it under way and asks for nothing again.
      await cluster.mergePatch({ ...TYPE, namespace: 'prod', name: 'later-1' }, { spec: { delete: true } }, { fieldManager: 'test', signal });
      await remove('later-1');
      expect(standIn.written.filter((line) => line === 'later-1 DeletionPending')).toHaveLength(1);
      await expect(remove('later-1')).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
    });
  },
);
