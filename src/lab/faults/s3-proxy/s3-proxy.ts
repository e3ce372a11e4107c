import { createServer, Agent as HttpAgent, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline, Transform } from 'node:stream';
import type { S3FaultState, S3Request } from './s3-fault-state.ts';

export interface S3ProxyOptions {
  readonly port: number;
  /** Port of the S3 server on 127.0.0.1. */
  readonly target: number;
  readonly faults: S3FaultState;
}

/** Error codes of S3 by status ("Error responses", Amazon S3 API reference). */
const CODES = { 403: 'AccessDenied', 500: 'InternalError', 503: 'SlowDown' } as const;

/**
 * A proxy before the S3 server. A request goes on as it came, its Host header too, because the signature covers it (AWS Signature Version 4); so the server's
 * own log tells who has sent it.
 */
export async function startS3Proxy(options: S3ProxyOptions): Promise<Server> {
  const agent = new HttpAgent({ keepAlive: true });
  const server = createServer((incoming, outgoing) => handle(options, { incoming, outgoing, agent }));
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  return server;
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly agent: HttpAgent;
}

function handle({ target, faults }: S3ProxyOptions, { incoming, outgoing, agent }: Exchange): void {
  const request: S3Request = { account: accountOf(incoming), method: incoming.method ?? 'GET' };
  const status = faults.takeRefusal(request);
  if (status !== undefined) {
    incoming.resume();
    const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${CODES[status]}</Code><Message>refused by a fault of the lab</Message></Error>`;
    outgoing.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) }).end(body);
    return;
  }
  // Answered here already, and the server would answer it once more.
  const { expect: _expect, connection: _connection, ...headers } = incoming.headers;
  const forwarded = httpRequest({ host: '127.0.0.1', port: target, method: incoming.method ?? 'GET', path: incoming.url ?? '/', headers, agent });
  const cutAll = (): void => {
    outgoing.destroy();
    forwarded.destroy();
  };
  forwarded.once('error', cutAll);
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) forwarded.destroy();
  });
  forwarded.once('response', (reply) => {
    outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
    pipeline(reply, spoiled(request, faults), outgoing, (error) => error !== undefined && error !== null && cutAll());
  });
  pipeline(incoming, spoiled(request, faults), forwarded, (error) => error !== undefined && error !== null && cutAll());
}

/** Passes a body on at the pace and as far as the faults let it. */
function spoiled(request: S3Request, faults: S3FaultState): Transform {
  let passed = 0;
  const rate = faults.takeRate(request);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      passed += chunk.length;
      if (faults.cutsAt(request, passed)) done(new Error('cut by a fault of the lab'));
      else if (rate === undefined) done(null, chunk);
      else setTimeout(() => done(null, chunk), (chunk.length / rate) * 1_000);
    },
  });
}

/** Account by its access key: of a signed header, or of a signed URL. */
function accountOf({ headers, url = '' }: IncomingMessage): string {
  const signed = /Credential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];
  return signed ?? new URL(url, 'http://s3').searchParams.get('X-Amz-Credential')?.split('/')[0] ?? '';
}
