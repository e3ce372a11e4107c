import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What the proxy does with a request instead of passing it on: `cut` ends the connection, so nobody is asked; `drop-reply` passes it on and ends the
 * connection instead of answering, so it has happened and nobody is told; `hang` never answers; a status is answered as it is; `delayMs` passes it on later.
 */
export type S3Intervention = 'cut' | 'drop-reply' | 'hang' | { readonly status: number } | { readonly delayMs: number } | undefined;

export interface S3ProxyRequest {
  readonly method: string;
  /** `/bucket/key`, without a query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy in front of a real S3 server that a test can make misbehave. */
export interface S3Proxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Decides what happens to each request; `undefined` passes it on. Requests of one key come one after the other. */
  intervene(decide: (request: S3ProxyRequest) => S3Intervention): void;
  /** Ends the connections of requests that hang. */
  cutHanging(): void;
  /** Requests as they came, oldest first: method and path. */
  readonly seen: readonly string[];
}

/** Starts a proxy on a loopback port, a free one without `port`. The signature of a request covers its Host, which is passed on as it is. */
export async function startS3Proxy(target: string, port = 0): Promise<S3Proxy> {
  const proxy = new Proxy(target);
  await proxy.listen(port);
  return proxy;
}

class Proxy implements S3Proxy {
  endpoint = '';
  readonly seen: string[] = [];
  readonly #target: URL;
  readonly #server: Server;
  readonly #hanging = new Set<IncomingMessage>();
  #decide: (request: S3ProxyRequest) => S3Intervention = () => undefined;

  constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, outgoing) => this.#handle(incoming, outgoing));
  }

  intervene(decide: (request: S3ProxyRequest) => S3Intervention): void {
    this.#decide = decide;
  }

  cutHanging(): void {
    for (const incoming of this.#hanging) incoming.socket.destroy();
    this.#hanging.clear();
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    this.endpoint = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const method = incoming.method ?? '';
    const path = decodeURIComponent((incoming.url ?? '').replace(/\?.*$/, ''));
    this.seen.push(`${method} ${path}`);
    const intervention = this.#decide({ method, path, headers: incoming.headers });
    if (intervention === 'cut') incoming.socket.destroy();
    else if (intervention === 'hang') this.#hanging.add(incoming.resume());
    else if (typeof intervention === 'object' && 'delayMs' in intervention) {
      setTimeout(() => this.#pass(incoming, { outgoing, answer: true }), intervention.delayMs);
    } else if (typeof intervention === 'object') {
      incoming.resume();
      outgoing.writeHead(intervention.status).end();
    } else this.#pass(incoming, { outgoing, answer: intervention === undefined });
  }

  #pass(incoming: IncomingMessage, { outgoing, answer }: { readonly outgoing: ServerResponse; readonly answer: boolean }): void {
    const { method, url, headers } = incoming;
    const passed = request({ host: this.#target.hostname, port: this.#target.port, method, path: url, headers }, (reply) => {
      if (!answer) {
        reply.resume().on('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(reply.statusCode ?? 502, reply.rawHeaders);
      reply.pipe(outgoing);
    });
    passed.on('error', () => incoming.socket.destroy());
    incoming.pipe(passed);
  }
}
