import { createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createClusters } from '../../src/adapters/kube/kube-clusters.ts';
import { createCertificates } from '../../src/adapters/tls/server-certificates.ts';
import { createAuthority, issueCertificate } from '../../src/lab/pki/issue-certificate.ts';
import { Secret } from '../../src/model/secret.ts';
import type { StepPorts } from '../../src/steps/ports.ts';
import { reach } from '../../src/steps/reach.ts';
import { BlackHole } from '../support/black-hole.ts';

const signal = AbortSignal.timeout(30_000);

function kubeconfig(port: number): { readonly kubeconfig: Secret } {
  const cluster = { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user: { token: 't' } }],
  };
  return { kubeconfig: new Secret(stringify(config)) };
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { readonly port: number }).port;
}

describe('a server that may be dead', () => {
  const clusters = createClusters({ clock: systemClock, env: {} });
  const ctx = { ports: { clusters } as unknown as StepPorts, clock: systemClock, signal };

  beforeAll(async () => {
    // Loads what reads kubeconfigs, which takes longer than a refusal.
    await reach(kubeconfig(1), ctx);
  });

  afterAll(async () => {
    await clusters[Symbol.asyncDispose]();
  });

  async function timed(port: number): Promise<{ readonly ms: number; readonly unreachable: string | undefined }> {
    const from = performance.now();
    const reached = await reach(kubeconfig(port), ctx);
    return { ms: performance.now() - from, unreachable: 'unreachable' in reached ? reached.unreachable : undefined };
  }

  it('that refuses the connection is found dead at once', async () => {
    const server = createServer();
    const port = await portOf(server);
    await new Promise((resolve) => server.close(resolve));
    const { ms, unreachable } = await timed(port);
    expect(unreachable).toContain('ECONNREFUSED');
    expect(ms).toBeLessThan(1_400);
  });

  it.skipIf(process.platform !== 'linux')('that swallows packets is given up after the connect timeout', async () => {
    await using hole = await BlackHole.open();
    const { ms, unreachable } = await timed(hole.port);
    expect(unreachable).toContain('no answer');
    expect(ms).toBeGreaterThan(1_400);
    expect(ms).toBeLessThan(6_000);
  });

  it('that takes the connection and says nothing in TLS is given up after the connect timeout too', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    const { ms, unreachable } = await timed(await portOf(server));
    server.close();
    expect(unreachable).toContain('no answer');
    expect(ms).toBeLessThan(6_000);
  });
});

describe('Certificates', () => {
  it('shows issuer, fingerprint and end of a certificate that nobody trusts', async () => {
    const authority = await createAuthority('test authority');
    const { cert, key } = await issueCertificate(authority, { commonName: 'shop.example.com', hosts: ['shop.example.com'] });
    const server = createTlsServer({ cert, key });
    server.on('tlsClientError', () => undefined);
    const port = await portOf(server);
    const shown = await createCertificates().read({ host: '127.0.0.1', port, serverName: 'shop.example.com', timeoutMs: 5_000, signal });
    server.close();
    expect(shown).toMatchObject({ subject: 'CN=shop.example.com', issuer: 'CN=test authority', fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(Date.parse(shown.notAfter)).toBeGreaterThan(Date.now());
  });

  it('says why there is none', async () => {
    const server = createServer((socket) => socket.end('not TLS at all\n'));
    const port = await portOf(server);
    const read = createCertificates().read({ host: '127.0.0.1', port, timeoutMs: 2_000, signal });
    await expect(read).rejects.toMatchObject({ code: 'HEALTH_NOT_PROVEN', message: expect.stringContaining(`127.0.0.1:${port}`) });
    server.close();
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const late = createCertificates().read({ host: '127.0.0.1', port: await portOf(silent), timeoutMs: 200, signal });
    await expect(late).rejects.toMatchObject({ code: 'HEALTH_NOT_PROVEN', message: expect.stringContaining('no answer within the time allowed') });
    silent.close();
  });
});
