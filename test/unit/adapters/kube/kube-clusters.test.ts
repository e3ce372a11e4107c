import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClusters } from '../../../../src/adapters/kube/kube-clusters.ts';
import { Secret } from '../../../../src/model/secret.ts';
import { FakeClock } from '../../../fakes/fake-clock.ts';

const AT_ONCE = { connectTimeoutMs: 100, requestDeadlineMs: 0 };
const signal = new AbortController().signal;

function kubeconfig(server: string, token = 'first'): string {
  const named = (kind: string, value: object) => [{ name: 'only', [kind]: value }];
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'only',
    clusters: named('cluster', { server, ...(server.startsWith('http:') ? { 'insecure-skip-tls-verify': true } : {}) }),
    users: named('user', { token }),
    contexts: named('context', { cluster: 'only', user: 'only' }),
  });
}

describe('clusters by kubeconfig', () => {
  let folder: string;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-clusters-'));
    path = join(folder, 'new.yaml');
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('are shared by all who name the same file, each patience for itself', async () => {
    await writeFile(path, kubeconfig('https://127.0.0.1:1'));
    await using clusters = createClusters({ clock: new FakeClock(), env: { NEW: path } });
    const first = await clusters.open({ kubeconfigPath: path });
    expect(await clusters.open({ kubeconfigPath: path })).toBe(first);
    expect(await clusters.open({ kubeconfigPath: path }, AT_ONCE)).not.toBe(first);
    expect((await clusters.open({ kubeconfigEnv: 'NEW' })).server).toBe(first.server);
  });

  it('are those of the file as it is now: one that was written anew is read again, and what is under way on the one of before goes on', async () => {
    await writeFile(path, kubeconfig('https://127.0.0.1:1'));
    const clusters = createClusters({ clock: new FakeClock(), env: {} });
    const old = await clusters.open({ kubeconfigPath: path }, AT_ONCE);
    await writeFile(path, kubeconfig('https://127.0.0.1:2'));
    const now = await clusters.open({ kubeconfigPath: path }, AT_ONCE);
    expect([old.server, now.server]).toEqual(['https://127.0.0.1:1', 'https://127.0.0.1:2']);
    for (const cluster of [old, now]) await expect(cluster.version(signal)).rejects.toMatchObject({ code: 'KUBE_UNAVAILABLE' });
    await clusters[Symbol.asyncDispose]();
    for (const cluster of [old, now]) await expect(cluster.version(signal)).rejects.toThrow('is closed');
  });

  it('are opened again when only the credentials are new', async () => {
    await writeFile(path, kubeconfig('https://127.0.0.1:1'));
    await using clusters = createClusters({ clock: new FakeClock(), env: {} });
    const old = await clusters.open({ kubeconfigPath: path });
    await writeFile(path, kubeconfig('https://127.0.0.1:1', 'second'));
    expect(await clusters.open({ kubeconfigPath: path })).not.toBe(old);
  });

  it('are opened once by many at a time, and again after a file that could not be used', async () => {
    await writeFile(path, 'kind: [');
    await using clusters = createClusters({ clock: new FakeClock(), env: {} });
    await expect(clusters.open({ kubeconfigPath: path })).rejects.toMatchObject({ code: 'KUBECONFIG_INVALID' });
    await writeFile(path, kubeconfig('https://127.0.0.1:1'));
    const all = await Promise.all(Array.from({ length: 5 }, async () => clusters.open({ kubeconfigPath: path })));
    expect(new Set(all).size).toBe(1);
  });

  it('say nothing of the credentials that a server, or what stands in its place, sends back', async () => {
    const token = 'token-that-nobody-may-see';
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/version' ? 200 : 400, { 'content-type': 'text/plain' });
      response.end(`authorization: ${request.headers.authorization}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await using clusters = createClusters({ clock: new FakeClock(), env: {} });
    const cluster = await clusters.open({ kubeconfig: new Secret(kubeconfig(`http://127.0.0.1:${port}`, token)) }, AT_ONCE);
    const failed = async (work: Promise<unknown>) => await work.catch((error: unknown) => error);
    const [version, read] = await Promise.all([failed(cluster.version(signal)), failed(cluster.get({ apiVersion: 'v1', kind: 'Node', name: 'n' }, signal))]);
    expect(version).toMatchObject({ code: 'KUBE_UNAVAILABLE', message: expect.stringMatching(/is not JSON \(status 200, text\/plain, \d+ characters\)$/) });
    expect(inspect(version)).not.toContain('Bearer');
    expect(read).toMatchObject({ message: expect.stringContaining('authorization: Bearer [redacted]') });
    server.close();
  });

  it('may come from memory', async () => {
    await using clusters = createClusters({ clock: new FakeClock(), env: {} });
    const first = await clusters.open({ kubeconfig: new Secret(kubeconfig('https://127.0.0.1:1')) });
    expect(await clusters.open({ kubeconfig: new Secret(kubeconfig('https://127.0.0.1:1')) })).toBe(first);
    expect((await clusters.open({ kubeconfig: new Secret(kubeconfig('https://127.0.0.1:2')) })).server).toBe('https://127.0.0.1:2');
  });
});
