import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPool } from '../../../../src/adapters/kube/dispatchers.ts';
import { type ExchangeRequest, exchange } from '../../../../src/adapters/kube/exchange.ts';

describe('exchange', () => {
  let server: Server;
  let origin: string;
  let agent: Agent;
  /** Resolves with each request that the server has received and not answered. */
  let hung: PromiseWithResolvers<void>;

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/hang') return hung.resolve();
      if (request.url === '/half') {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half of it');
        return void setImmediate(() => response.destroy());
      }
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        response.writeHead(201, { 'retry-after': '7', 'x-method': request.method ?? '' });
        // A character of two bytes that falls apart between two chunks.
        const [bytes, cut] = [Buffer.concat([Buffer.from('é'), ...chunks]), 1];
        response.write(bytes.subarray(0, cut));
        setImmediate(() => response.end(bytes.subarray(cut)));
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    agent = new Agent({ connections: 1 });
  });

  beforeEach(() => {
    hung = Promise.withResolvers<void>();
  });

  afterAll(async () => {
    await agent.destroy();
    server.closeAllConnections();
    server.close();
  });

  const request = (path: string, signal: AbortSignal): ExchangeRequest => ({ origin, path, method: 'PATCH', headers: {}, body: '{}', signal });

  it('gives status, headers and the whole body, its characters in one piece', async () => {
    const reply = await exchange(agent, request('/', new AbortController().signal));
    expect(reply).toMatchObject({ status: 201, body: 'é{}', headers: { 'retry-after': '7', 'x-method': 'PATCH' } });
  });

  it('rejects with the connection failure when the answer is cut off', async () => {
    await expect(exchange(agent, request('/half', new AbortController().signal))).rejects.toMatchObject({ code: 'UND_ERR_SOCKET' });
  });

  it('rejects with the reason of the signal while the server works, and while it waits for a connection', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const working = exchange(agent, request('/hang', first.signal));
    await hung.promise;
    const waiting = exchange(agent, request('/', second.signal));
    second.abort(new Error('nobody waits'));
    await expect(waiting).rejects.toThrow('nobody waits');
    first.abort(new Error('stopped'));
    await expect(working).rejects.toThrow('stopped');
    await expect(exchange(agent, request('/', new AbortController().signal))).resolves.toMatchObject({ status: 201 });
  });

  it('sends nothing when the signal has aborted before', async () => {
    const reason = new Error('too late');
    await expect(exchange(agent, request('/hang', AbortSignal.abort(reason)))).rejects.toBe(reason);
  });

  it('leaves no listener on a signal that many requests share', async () => {
    const { signal } = new AbortController();
    const listening = new Set<unknown>();
    const watched = new Proxy(signal, {
      get: (target, key) => {
        if (key === 'addEventListener') return (_type: string, listener: unknown) => listening.add(listener);
        if (key === 'removeEventListener') return (_type: string, listener: unknown) => listening.delete(listener);
        return Reflect.get(target, key, target) as unknown;
      },
    });
    const pending = exchange(agent, request('/', watched));
    expect(listening.size).toBe(1);
    await pending;
    expect(listening.size).toBe(0);
  });
});

describe('createPool', () => {
  it('refuses certificates that cannot be read, before any connection', () => {
    const broken = { type: 'agent', connect: { ca: 'not a certificate', cert: 'nor this', key: 'nor that' } } as const;
    expect(() => createPool(broken, { connections: 1, inactivityMs: 1_000 })).toThrow(expect.objectContaining({ code: 'KUBECONFIG_INVALID' }));
  });
});
