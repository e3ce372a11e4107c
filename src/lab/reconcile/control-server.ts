import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { JsonObject } from '../../model/json.ts';

/** Answers one request; `undefined` is 404. A thrown error is 400 with its message. */
export type ControlHandler = (request: ControlRequest) => Promise<ControlAnswer | undefined>;

export interface ControlAnswer {
  /** HTTP status; 200 by default. */
  readonly status?: number;
  readonly body: JsonObject;
}

export interface ControlRequest {
  readonly method: string;
  /** `/fault/webhook-down`. */
  readonly path: string;
  /** Bearer token, '' without one. */
  readonly token: string;
  readonly body: JsonObject;
}

/**
 * The control endpoint of a stand-in, on loopback: `GET /healthz` answers `ok` once `isReady` says so, everything else is the handler's. JSON in and out.
 * Resolves when it listens; disposing closes it.
 */
export async function startControlServer(options: {
  readonly port: number;
  readonly isReady: () => boolean;
  readonly handle: ControlHandler;
}): Promise<AsyncDisposable> {
  const server = createServer((incoming, outgoing) => void respond(options, incoming, outgoing));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function respond(options: Parameters<typeof startControlServer>[0], incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const path = new URL(incoming.url ?? '/', 'http://control').pathname;
  if (path === '/healthz') {
    const ready = options.isReady();
    outgoing.writeHead(ready ? 200 : 503).end(ready ? 'ok' : 'starting');
    return;
  }
  try {
    const token = (incoming.headers.authorization ?? '').replace(/^Bearer /, '');
    const answer = await options.handle({ method: incoming.method ?? 'GET', path, token, body: await bodyOf(incoming) });
    outgoing.writeHead(answer === undefined ? 404 : (answer.status ?? 200), { 'content-type': 'application/json' });
    outgoing.end(JSON.stringify(answer?.body ?? { error: `no ${path}` }));
  } catch (error) {
    outgoing.writeHead(400, { 'content-type': 'application/json' });
    outgoing.end(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}

async function bodyOf(incoming: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : (JSON.parse(text) as JsonObject);
}

/** A number in the body of a request, zero or more. Throws what the caller is told. */
export function numberIn(body: JsonObject, name: string): number {
  const value = body[name];
  if (typeof value === 'number' && value >= 0) return value;
  throw new Error(`${name} must be a number, not ${JSON.stringify(value)}`);
}
