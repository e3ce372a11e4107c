import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request, type Server } from 'node:https';
import { join } from 'node:path';
import { freePort, type KubeServers, kubeconfig } from './servers.ts';

/** What the proxy does with a request instead of passing it on. */
export type Intervention =
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | 'cut'
  | 'answer-then-cut'
  | undefined;

/** A proxy in front of a real API server that a test can make misbehave. It shows the server's own certificate. */
export interface KubeFaultProxy extends AsyncDisposable {
  readonly kubeconfigText: string;
  /** Decides what happens to each request; `undefined` passes it on. */
  intervene(decide: (request: { readonly method: string; readonly url: string }) => Intervention): void;
  /** Watches that run through the proxy. */
  readonly openStreams: number;
  /** Ends the connections of all streams that run. */
  cutStreams(): number;
  /** Adds text to all streams that run, as somebody between us and the server would. */
  injectIntoStreams(text: string): void;
  /** Requests seen, oldest first: method and URL. */
  readonly seen: readonly string[];
  /** Most connections that were open at a time. */
  readonly peakConnections: number;
}

/** Starts the proxy. `token` is the bearer token of the kubeconfig that goes with it. */
export async function startFaultProxy(servers: KubeServers, token: string): Promise<KubeFaultProxy> {
  const [cert, key] = await Promise.all(['apiserver.crt', 'apiserver.key'].map(async (file) => readFile(join(servers.folder, 'certs', file))));
  const port = await freePort();
  const proxy = new FaultProxy(servers.url, { cert: cert ?? Buffer.alloc(0), key: key ?? Buffer.alloc(0) });
  await proxy.listen(port);
  proxy.kubeconfigText = kubeconfig(`https://127.0.0.1:${port}`, (cert ?? Buffer.alloc(0)).toString('base64'), token);
  return proxy;
}

class FaultProxy implements KubeFaultProxy {
  kubeconfigText = '';
  readonly seen: string[] = [];
  peakConnections = 0;
  readonly #target: string;
  readonly #server: Server;
  readonly #streams = new Set<ServerResponse>();
  #open = 0;
  #decide: (request: { readonly method: string; readonly url: string }) => Intervention = () => undefined;

  constructor(target: string, tls: { readonly cert: Buffer; readonly key: Buffer }) {
    this.#target = target;
    this.#server = createServer({ ...tls, keepAlive: true }, (incoming, outgoing) => this.#handle(incoming, outgoing));
    this.#server.on('secureConnection', (socket) => {
      this.#open += 1;
      this.peakConnections = Math.max(this.peakConnections, this.#open);
      socket.on('close', () => (this.#open -= 1));
    });
  }

  async listen(port: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(port, '127.0.0.1', resolve);
    return promise;
  }

  intervene(decide: (request: { readonly method: string; readonly url: string }) => Intervention): void {
    this.#decide = decide;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  cutStreams(): number {
    const count = this.#streams.size;
    for (const stream of this.#streams) stream.destroy();
    return count;
  }

  injectIntoStreams(text: string): void {
    for (const stream of this.#streams) stream.write(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    return promise;
  }

  #handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = '', url = '' } = incoming;
    this.seen.push(`${method} ${url}`);
    const intervention = this.#decide({ method, url });
    if (intervention === 'cut') outgoing.destroy();
    else if (typeof intervention === 'object') outgoing.writeHead(intervention.status, intervention.headers).end(intervention.body);
    else this.#forward(incoming, { outgoing, cutAnswer: intervention === 'answer-then-cut' });
  }

  #forward(incoming: IncomingMessage, { outgoing, cutAnswer }: { readonly outgoing: ServerResponse; readonly cutAnswer: boolean }): void {
    const upstream = request(
      this.#target + (incoming.url ?? ''),
      { method: incoming.method, headers: incoming.headers, rejectUnauthorized: false },
      (answer) => {
        // The server has done its work; the client never learns.
        if (cutAnswer) return void outgoing.destroy();
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.flushHeaders();
        if ((incoming.url ?? '').includes('watch=true')) this.#streams.add(outgoing);
        answer.pipe(outgoing);
        answer.on('error', () => outgoing.destroy());
      },
    );
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => {
      this.#streams.delete(outgoing);
      upstream.destroy();
    });
    incoming.pipe(upstream);
  }
}
