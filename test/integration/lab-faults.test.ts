import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { openCluster } from '../../src/adapters/kube/kube-clusters.ts';
import type { LabCluster } from '../../src/lab/config.ts';
import { alterVolume } from '../../src/lab/faults/alter-volume.ts';
import { apiFaults, clearApiFaults, cutWatches, killApiServer, refuseRequests, setLatency, slowRequests } from '../../src/lab/faults/api-faults.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { getCluster } from '../../src/lab/state.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { readAudit } from './lab-logs.ts';
import { createTestLab, type TestLab } from './lab-world.ts';

const configMap = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });

describe('faults of an API server', { timeout: 60_000 }, () => {
  let world: TestLab;
  let cluster: LabCluster;
  let kube: KubeCluster;
  const operation = () => ({ ...world.operation, cluster: 'management' });
  const { signal } = new AbortController();

  beforeAll(async () => {
    world = await createTestLab();
    await labUp({ ...world.operation, only: ['parent'], behaviour: { faultProxy: true } });
    cluster = await getCluster(world.directory, 'management');
    kube = await openCluster({ kubeconfigPath: cluster.kubeconfigs.public }, { clock: systemClock, env: {} });
  }, 120_000);

  afterAll(async () => {
    await kube[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  it('the public kubeconfig leads through the proxy, and the audit log shows the user and not the proxy', async () => {
    expect(kube.server).toBe(`https://127.0.0.1:${cluster.ports.faultProxy}`);
    await kube.create(configMap('through-proxy'), { fieldManager: 'test', signal });
    const entries = await readAudit(cluster.auditLogPath);
    expect(entries).toContainEqual(
      expect.objectContaining({ user: 'lattice-admin', verb: 'create', resource: 'configmaps', namespace: 'default', name: 'through-proxy', code: 201 }),
    );
  });

  it('the proxy believes no header that claims to be somebody, and knows a client again whose TLS session is resumed', async () => {
    const ca = await readFile(cluster.pki.caCert, 'utf8');
    const claim = { 'x-remote-user': 'lattice-admin', 'x-remote-group': 'system:masters' };
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const url = `https://127.0.0.1:${cluster.ports.faultProxy}/api/v1/secrets`;
      request(url, { ca, headers: claim, agent: false }, (response) => resolve(response.resume().statusCode))
        .once('error', reject)
        .end();
    });
    expect(status).toBe(403);

    const config = JSON.parse(await readFile(cluster.kubeconfigs.admin, 'utf8')) as {
      readonly users: readonly [{ readonly user: Readonly<Record<string, string>> }];
    };
    const decoded = (name: string): string => Buffer.from(config.users[0].user[name] ?? '', 'base64').toString();
    const access = { port: cluster.ports.faultProxy, host: '127.0.0.1', ca, cert: decoded('client-certificate-data'), key: decoded('client-key-data') };
    const ask = async (session: Buffer | undefined): Promise<{ readonly text: string; readonly session: Buffer | undefined; readonly reused: boolean }> => {
      const socket = connect({ ...access, ...(session === undefined ? {} : { session }) });
      let latest: Buffer | undefined;
      let reused = false;
      socket.on('session', (value) => {
        latest = value;
      });
      socket.once('secureConnect', () => {
        reused = socket.isSessionReused();
      });
      socket.write('GET /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      return { text, session: latest, reused };
    };
    const fresh = await ask(undefined);
    expect(fresh.text).toMatch(/^HTTP\/1.1 200 /);
    const again = await ask(fresh.session);
    expect(again.reused).toBe(true);
    expect(again.text).toMatch(/^HTTP\/1.1 200 /);
  });

  it('429 and 503 come in the server’s words, as often as asked', async () => {
    await refuseRequests({ ...operation(), status: 429, retryAfterSeconds: 0, every: 1, count: 2, forMs: 30_000 });
    const answers = [await kube.raw('/api/v1/nodes', signal), await kube.raw('/api/v1/nodes', signal), await kube.raw('/api/v1/nodes', signal)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect(JSON.parse(answers[0]?.body ?? '')).toMatchObject({ kind: 'Status', reason: 'TooManyRequests', code: 429 });
    await refuseRequests({ ...operation(), status: 503, retryAfterSeconds: 0, every: 2, count: 9, forMs: 30_000 });
    const others = [await kube.raw('/api/v1/nodes', signal), await kube.raw('/api/v1/nodes', signal), await kube.raw('/api/v1/nodes', signal)];
    expect(others.map(({ status }) => status)).toEqual([503, 200, 503]);
    await clearApiFaults(operation());
    expect((await kube.raw('/api/v1/nodes', signal)).status).toBe(200);
    // No other test of this file refuses anything.
    expect(await apiFaults(operation())).toMatchObject({ refuse: null, counts: { refused: 4 } });
  });

  it('a cut watch ends in mid-stream, and what happened meanwhile is seen after it', async () => {
    await using live = await kube.live({ apiVersion: 'v1', kind: 'ConfigMap' }, { namespace: 'default' });
    const has = (name: string) => (objects: ReadonlyMap<string, KubeObject>) =>
      [...objects.values()].some((object) => object.metadata.name === name) || undefined;
    // The list has been answered; the watch begins after it.
    await expect.poll(async () => (await apiFaults(operation()))['watches'], { timeout: 10_000 }).toBeGreaterThanOrEqual(1);
    expect(await cutWatches(operation())).toBeGreaterThanOrEqual(1);
    await kube.create(configMap('after-cut'), { fieldManager: 'test', signal });
    expect(await live.until(has('after-cut'), AbortSignal.timeout(20_000))).toBe(true);
  });

  it('slowness and latency take the time they are asked to', async () => {
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const from = performance.now();
      await work();
      return performance.now() - from;
    };
    await slowRequests({ ...operation(), delayMs: 300, forMs: 30_000 });
    expect(await timed(async () => await kube.raw('/version', signal))).toBeGreaterThanOrEqual(300);
    await clearApiFaults(operation());
    await using far = await openCluster({ kubeconfigPath: cluster.kubeconfigs.latency }, { clock: systemClock, env: {} });
    await far.raw('/version', signal);
    await setLatency({ ...operation(), delayMs: 100 });
    expect(await timed(async () => await far.raw('/version', signal))).toBeGreaterThanOrEqual(200);
    await setLatency({ ...operation(), delayMs: 0 });
  });

  it('a killed API server comes back with what it had', async () => {
    const before = await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, signal);
    await killApiServer({ ...operation(), forMs: 100 });
    expect(await kube.get({ apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' }, signal)).toEqual(before);
  });

  it('altered bytes keep their length and are undone by altering again', async () => {
    const path = join(cluster.disksPath, 'pv-one');
    await mkdir(join(path, 'data'), { recursive: true });
    await writeFile(join(path, 'data', 'file'), 'precious');
    const capacity = { storage: '1Gi' };
    const shared = { storageClassName: '', accessModes: ['ReadWriteOnce'] };
    const write = { fieldManager: 'test', signal };
    await kube.create({ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv-one' }, spec: { ...shared, capacity, hostPath: { path } } }, write);
    await kube.create(
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', namespace: 'default' },
        spec: { ...shared, volumeName: 'pv-one', resources: { requests: capacity } },
      },
      write,
    );
    const target = { ...operation(), namespace: 'default', claim: 'data' };
    expect(await alterVolume(target)).toEqual({ volume: 'pv-one', file: join(path, 'data', 'file') });
    const altered = await readFile(join(path, 'data', 'file'));
    expect(altered).toHaveLength(8);
    expect(altered.toString()).not.toBe('precious');
    await alterVolume(target);
    expect(await readFile(join(path, 'data', 'file'), 'utf8')).toBe('precious');
    await expect(alterVolume({ ...target, claim: 'none' })).rejects.toMatchObject({ code: 'KUBE_NOT_FOUND' });
  });
});
