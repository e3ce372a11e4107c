import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createHttpProbe } from '../../src/adapters/http/http-probe.ts';
import { freePort, temporaryFolder } from './servers.ts';

const probe = createHttpProbe({ resolver: { addresses: async () => [] } });
const request = (url: string, more: object = {}) => ({ url, timeoutMs: 5_000, signal: new AbortController().signal, ...more });

async function serve(listener: RequestListener): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('HttpProbe', { timeout: 30_000 }, () => {
  it("connects to the address given, and asks for the URL's host", async () => {
    await using web = await serve((incoming, outgoing) => outgoing.writeHead(503).end(`host ${incoming.headers.host}`));
    const answer = await probe.get(request('http://shop.example.com:8080/x', { address: { host: '127.0.0.1', port: web.port } }));
    expect(answer).toEqual({ status: 503, body: 'host shop.example.com:8080', address: '127.0.0.1' });
  });

  it('takes a redirect for the answer, and cuts a body that has no end', async () => {
    await using web = await serve((incoming, outgoing) => {
      if (incoming.url === '/away') return void outgoing.writeHead(302, { location: '/endless' }).end();
      const write = () => {
        while (outgoing.write('x'.repeat(65_536)));
        outgoing.once('drain', write);
      };
      write();
    });
    expect((await probe.get(request(`http://127.0.0.1:${web.port}/away`))).status).toBe(302);
    expect((await probe.get(request(`http://127.0.0.1:${web.port}/endless`))).body).toHaveLength(1_048_576);
  });

  it('opens a connection of its own each time', async () => {
    const ports = new Set<number | undefined>();
    await using web = await serve((incoming, outgoing) => void (ports.add(incoming.socket.remotePort), outgoing.end()));
    for (let time = 0; time < 3; time += 1) await probe.get(request(`http://127.0.0.1:${web.port}/`));
    expect(ports.size).toBe(3);
  });

  it('says why there is no answer: nobody there, no answer in time, no URL', async () => {
    await expect(probe.get(request(`http://127.0.0.1:${await freePort()}/`))).rejects.toMatchObject({
      code: 'HEALTH_NOT_PROVEN',
      retry: 'retryable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
    await using silent = await serve(() => undefined);
    await expect(probe.get(request(`http://127.0.0.1:${silent.port}/`, { timeoutMs: 200 }))).rejects.toMatchObject({
      code: 'HEALTH_NOT_PROVEN',
      message: expect.stringContaining('time limit'),
    });
    await expect(probe.get(request('ftp://x/'))).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(probe.get(request(`http://127.0.0.1:${silent.port}/`, { signal: AbortSignal.abort() }))).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it("checks the certificate against the URL's name, also at another address", async () => {
    await using folder = await temporaryFolder('http');
    const [key, cert] = [join(folder.path, 'key'), join(folder.path, 'cert')];
    await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=other', '-keyout', key, '-out', cert]);
    let asked: string | false | undefined;
    const server = createTlsServer({
      key: await readFile(key),
      cert: await readFile(cert),
      SNICallback: (name, done) => {
        asked = name;
        done(null);
      },
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    await expect(probe.get(request('https://shop.example.com/', { address }))).rejects.toMatchObject({
      code: 'HEALTH_NOT_PROVEN',
      message: expect.stringMatching(/self.signed/),
    });
    expect(asked).toBe('shop.example.com');
    server.close();
  });
});
