import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { EdgeListener, Mesh } from './protocol.ts';

/** The cluster's edge: takes requests from outside at one address and passes them to the workload that the host name is routed to. */
export class EdgeServer {
  readonly #server: Server;
  readonly #mesh: () => Mesh;
  #listener: EdgeListener;

  constructor(listener: EdgeListener, mesh: () => Mesh) {
    this.#listener = listener;
    this.#mesh = mesh;
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  /** Replaces the routes without closing the address. */
  update(listener: EdgeListener): void {
    this.#listener = listener;
  }

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#listener.port, this.#listener.address, resolve);
    });
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const host = (incoming.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
    const workload = this.#listener.routes[host] ?? this.#listener.routes['*'];
    if (workload === undefined) return refuse(outgoing, 404, `no route for host ${host}`);
    const endpoint = this.#mesh()[workload]?.endpoints[0];
    if (endpoint === undefined) return refuse(outgoing, 503, `${workload} has no ready endpoint`);
    const onward = request({ host: endpoint.address, port: endpoint.port, method: incoming.method, path: incoming.url, headers: incoming.headers }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, { 'content-type': reply.headers['content-type'] ?? 'application/octet-stream' });
      reply.pipe(outgoing);
    });
    onward.on('error', () => refuse(outgoing, 502, `${workload} does not answer`));
    incoming.pipe(onward);
  }
}

function refuse(outgoing: ServerResponse, status: number, message: string): void {
  if (!outgoing.headersSent) outgoing.writeHead(status, { 'content-type': 'text/plain' });
  outgoing.end(`${message}\n`);
}
