import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { systemRandom } from '../../src/adapters/clock/system-random.ts';
import { createEtcds } from '../../src/adapters/etcd/etcds.ts';
import { createScratchEtcds } from '../../src/adapters/etcd/scratch-etcd.ts';
import { createLocalFiles } from '../../src/adapters/fs/local-files.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import { type PreparedSnapshot, stageSnapshot } from '../../src/steps/etcd/stage-snapshot.ts';
import { findServer, type KubeServers, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'etcdutl', 'kube-apiserver']);
const BINARIES = dirname(findServer('etcdutl') ?? '');
const CLUSTER = { apiVersion: 'cluster.x-k8s.io/v1beta1', kind: 'Cluster' } as const;
const RUN = 'workload-20261130T030000Z-0001';

describe.skipIf(missing.length > 0)(`a snapshot prepared for a restore${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const cleanUp = new AsyncDisposableStack();
  const signal = new AbortController().signal;
  const files = createLocalFiles();
  const scratch = createScratchEtcds({ processes: createProcesses({ env: process.env }), clock: systemClock, random: systemRandom });
  const clusters = createClusters({ clock: systemClock, env: {} });
  let folder = '';
  let prepared: PreparedSnapshot;
  let restored: KubeServers;
  /** A resource version of the lost cluster, later than the snapshot. */
  let later = '';

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-staging')).path;
    cleanUp.use(clusters);
    await using lost = await startKube(await folderOf('lost'));
    const source = join(folder, 'source.db');
    later = await fillAndSave(lost, source);
    const target = join(folder, 'work', 'prepared.db');
    prepared = await stageSnapshot({ source, target, run: RUN, binaries: BINARIES }, { scratch, files, signal });
    restored = cleanUp.use(await serve(target, await folderOf('restored')));
  });
  afterAll(async () => await cleanUp.disposeAsync());

  async function folderOf(name: string): Promise<string> {
    return cleanUp.use(await temporaryFolder(`etcd-staging-${name}`)).path;
  }

  /** Objects, an alarm, a stale address of an API server; then a snapshot, and one more object. */
  async function fillAndSave({ etcdUrl, kubeconfigPath }: KubeServers, path: string): Promise<string> {
    const cluster = await clusters.open({ kubeconfigPath });
    const crd = parse(await readFile('src/lab/crds/current/clusters.cluster.x-k8s.io.yaml', 'utf8')) as KubeObject;
    await cluster.create(crd, { fieldManager: 'test', signal });
    await vi.waitFor(async () => expect((await cluster.raw(`/apis/${CLUSTER.apiVersion}/clusters`, signal)).status).toBe(200), { timeout: 20_000 });
    for (const [name, spec] of Object.entries({ running: { replicasOf: 9_007_199_254_740_993n }, held: { paused: true } })) {
      await createCluster(kubeconfigPath, name, spec);
    }
    await using etcd = await createEtcds().open({ endpoint: etcdUrl });
    const { memberId } = await etcd.status(signal);
    expect(await etcd.put({ key: '/registry/masterleases/10.0.0.99', value: Buffer.from('{}'), ifRevision: '0' }, signal)).toBe(true);
    await post(`${etcdUrl}/v3/lease/grant`, { TTL: 3_600 });
    await post(`${etcdUrl}/v3/maintenance/alarm`, { action: 'ACTIVATE', memberID: memberId, alarm: 'NOSPACE' });
    await files.writeNew(path, etcd.snapshot(signal));
    expect(await etcd.disarmAlarms(signal)).toEqual(['NOSPACE']);
    const after = await cluster.create(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late', namespace: 'default' } },
      { fieldManager: 'test', signal },
    );
    return after.metadata.resourceVersion ?? '';
  }

  it('has an identity in its data, and says what was changed there', async () => {
    expect(prepared.changes).toMatchObject({ paused: ['default/running'], unpaused: [], alarms: ['NOSPACE'], masterLeases: 2 });
    expect(prepared.changes.leases).toBeGreaterThanOrEqual(1);
    await using etcd = await createEtcds().open({ endpoint: restored.etcdUrl });
    expect((await etcd.get(`/lattice-dr/${RUN}`, signal))?.value.toString()).toBe(RUN);
    expect(await etcd.alarms(signal)).toEqual([]);
  });

  it('comes back with the hash it was left with, wherever it is restored', async () => {
    await using booted = await scratch.boot({ snapshot: join(folder, 'work', 'prepared.db'), binaries: BINARIES, signal });
    expect(await booted.etcd.hashKv(prepared.hashKv.revision, signal)).toEqual(prepared.hashKv);
    expect(BigInt(prepared.hashKv.revision)).toBeGreaterThan(1_000_000_000n);
  });

  it('every Cluster is paused once an API server serves it, with its numbers as they were', async () => {
    const cluster = await clusters.open({ kubeconfigPath: restored.kubeconfigPath });
    const found = (await cluster.list(CLUSTER, { signal })) ?? [];
    expect(found.map(({ metadata, spec }) => `${metadata.name} ${String(spec?.['paused'])}`).sort()).toEqual(['held true', 'running true']);
    await using etcd = await createEtcds().open({ endpoint: restored.etcdUrl });
    expect((await etcd.get('/registry/cluster.x-k8s.io/clusters/default/running', signal))?.value.toString()).toContain('9007199254740993');
  });

  it('whoever watched a later state than the snapshot is told to list again', async () => {
    const event = await firstEvent(restored, `/api/v1/configmaps?watch=1&resourceVersion=${later}`);
    expect(event).toMatchObject({ type: 'ERROR', object: { code: 410 } });
  });

  it('keeps no address of an API server that is gone', async () => {
    await using etcd = await createEtcds().open({ endpoint: restored.etcdUrl });
    const keys = await Array.fromAsync(etcd.range('/registry/masterleases/', signal), ({ key }) => key);
    expect(keys).not.toContain('/registry/masterleases/10.0.0.99');
  });
});

async function post(url: string, body: unknown): Promise<void> {
  const { statusCode, body: said } = await request(url, { method: 'POST', body: JSON.stringify(body) });
  expect(statusCode, await said.text()).toBe(200);
}

/** By raw JSON: an object of this program cannot hold an integer of 64 bits. */
async function createCluster(kubeconfigPath: string, name: string, spec: object): Promise<void> {
  const body = JSON.stringify({ ...CLUSTER, metadata: { name, namespace: 'default' }, spec }, (_key, value: unknown) =>
    typeof value === 'bigint' ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value)) : value,
  );
  await asAdmin(kubeconfigPath, `/apis/${CLUSTER.apiVersion}/namespaces/default/clusters`, { method: 'POST', body });
}

async function firstEvent({ kubeconfigPath }: KubeServers, path: string): Promise<unknown> {
  const text = await asAdmin(kubeconfigPath, path, { method: 'GET' });
  return JSON.parse(text.split('\n')[0] ?? '') as unknown;
}

async function asAdmin(kubeconfigPath: string, path: string, { method, body }: { readonly method: 'GET' | 'POST'; readonly body?: string }): Promise<string> {
  const config = JSON.parse(await readFile(kubeconfigPath, 'utf8')) as { clusters: [{ cluster: { server: string } }]; users: [{ user: { token: string } }] };
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const headers = { authorization: `Bearer ${config.users[0].user.token}`, 'content-type': 'application/json' };
    const response = await request(`${config.clusters[0].cluster.server}${path}`, { dispatcher, method, headers, ...(body === undefined ? {} : { body }) });
    const text = await response.body.text();
    expect(response.statusCode, text).toBeLessThan(300);
    return text;
  } finally {
    await dispatcher.destroy();
  }
}

/** An etcd restored from the file without any flag that changes data, and an API server on it. */
async function serve(snapshot: string, folder: string): Promise<KubeServers> {
  const peer = 'http://127.0.0.1:1';
  const args = ['snapshot', 'restore', snapshot, '--data-dir', join(folder, 'etcd'), '--name', 'default', '--initial-cluster', `default=${peer}`];
  await promisify(execFile)(findServer('etcdutl') ?? '', [...args, '--initial-advertise-peer-urls', peer, '--initial-cluster-token', RUN]);
  return await startKube(folder);
}
