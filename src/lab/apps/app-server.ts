import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { canonicalJson } from '../../model/json.ts';
import { type Answer, databaseRecords, databaseVolumes, dataFile, everythingReachable, recoveryFault, selfFacts, viaPeer, withPeers } from './app-answers.ts';
import { Database } from './database.ts';
import { admits } from './mesh-client.ts';
import type { AppSpec, Mesh } from './protocol.ts';
import { initialiseIfEmpty } from './volume-data.ts';

/** What an app can see of the others; read at each request. */
export interface Surroundings {
  readonly mesh: () => Mesh;
  /** Workload that calls from an address, `undefined` for callers that are no app. */
  readonly callerAt: (address: string) => string | undefined;
  /** A fault says that this workload is not to become ready. */
  readonly isUnready: (workload: string) => boolean;
}

/** One running app: an HTTP server on each of its ports. */
export class AppServer {
  readonly app: AppSpec;
  readonly #around: Surroundings;
  readonly #servers: Server[] = [];

  constructor(app: AppSpec, around: Surroundings) {
    this.app = app;
    this.#around = around;
  }

  /** Fills empty volumes, then listens. Rejects when a port of its address is taken. */
  async start(): Promise<void> {
    for (const volume of this.app.volumes) await initialiseIfEmpty(volume);
    for (const volume of databaseVolumes(this.app)) await new Database(volume, this.app).open();
    for (const port of this.app.ports) await this.#listen(port);
  }

  /** Ends it as a killed process would: connections are cut. */
  async stop(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }

  #listen(port: number): Promise<void> {
    const server = createServer((incoming, outgoing) => void this.#respond(incoming, outgoing));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, this.app.address, resolve);
    });
  }

  async #respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const answer = await this.#answer(incoming).catch((error: unknown) => ({ status: 500, body: canonicalJson({ error: String(error) }) }));
    outgoing.writeHead(answer.status, { 'content-type': typeof answer.body === 'string' ? 'application/json' : 'application/octet-stream' });
    outgoing.end(answer.body);
  }

  async #answer(incoming: IncomingMessage): Promise<Answer> {
    const { app } = this;
    const path = new URL(incoming.url ?? '/', 'http://app').pathname;
    const fault = await recoveryFault(app);
    if (fault !== undefined) return { status: 503, body: canonicalJson({ error: fault }) };
    if (path === '/healthz') return this.#around.isUnready(app.workload) ? { status: 503, body: 'not ready' } : { status: 200, body: 'ok' };
    const caller = this.#around.callerAt(incoming.socket.remoteAddress ?? '');
    const mesh = this.#around.mesh();
    if (!admits(mesh, app.workload, caller)) return { status: 403, body: canonicalJson({ denied: caller ?? '' }) };
    if (path.startsWith('/via/')) return viaPeer(app, mesh, path);
    if (path.startsWith('/records/')) return databaseRecords(app, path, incoming.method === 'POST' ? await bodyOf(incoming) : undefined);
    if (path.startsWith('/data/')) return dataFile(app, path, incoming.method === 'PUT' ? await bodyOf(incoming) : undefined);
    if (path === '/') return json(await withPeers(app, mesh));
    if (path === '/self') return json(await selfFacts(app));
    if (path === '/all') return json(await everythingReachable(app, mesh));
    return { status: 404, body: canonicalJson({ error: `no path ${path}` }) };
  }
}

function json(value: Parameters<typeof canonicalJson>[0]): Answer {
  return { status: 200, body: canonicalJson(value) };
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
