import type { Agent, IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, Agent as HttpsAgent, type RequestOptions as HttpsRequestOptions, request as httpsRequest, type Server } from 'node:https';
import { pipeline } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { FaultState, RefuseFault } from './fault-state.ts';

export interface ApiProxyOptions {
  readonly port: number;
  /** Port of the API server on 127.0.0.1. */
  readonly target: number;
  readonly ca: string;
  /** Served to clients, and shown to the API server as the name that may speak for others. */
  readonly cert: string;
  readonly key: string;
  readonly faults: FaultState;
}

/** Headers of one connection, which a proxy must not pass on (RFC 9110 §7.6.1), and those by which a client could claim to be another. */
const NOT_PASSED_ON = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'x-remote-user', 'x-remote-group', 'x-remote-uid']);

/**
 * An HTTPS proxy before an API server. A client's certificate is checked here and its name and group passed on by the request header authentication of
 * Kubernetes (`--requestheader-*`), so that the audit log shows the client and not the proxy; a bearer token is passed on as it is.
 */
export async function startApiProxy(options: ApiProxyOptions): Promise<Server> {
  const { ca, cert, key, port } = options;
  const upstream = {
    // The API server lets a client certificate win over a token, so that a client with a token must go by a connection without one.
    asProxy: new HttpsAgent({ ca, cert, key, keepAlive: true }),
    anonymous: new HttpsAgent({ ca, keepAlive: true }),
  };
  const server = createServer({ ca, cert, key, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    void handle({ ...options, request, response, upstream });
  });
  // Kubernetes watches are idle for minutes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

interface Exchange extends ApiProxyOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly upstream: { readonly asProxy: Agent; readonly anonymous: Agent };
}

async function handle(exchange: Exchange): Promise<void> {
  const { faults, request, response } = exchange;
  const refusal = faults.takeRefusal();
  if (refusal !== undefined) {
    request.resume();
    sendRefusal(response, refusal);
    return;
  }
  const delayMs = faults.takeDelayMs();
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
  forward(exchange);
}

/** A refusal in the words of an API server that is too busy (k8s.io/apiserver, `tooManyRequests`). */
function sendRefusal(response: ServerResponse, { status, retryAfterSeconds }: RefuseFault): void {
  const reason = status === 429 ? 'TooManyRequests' : status === 503 ? 'ServiceUnavailable' : 'InternalError';
  const message = status === 429 ? 'Too many requests, please try again later.' : 'the server is currently unable to handle the request';
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, details: { retryAfterSeconds }, code: status };
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': String(retryAfterSeconds) }).end(JSON.stringify(body));
}

function forward({ request, response, target, upstream, faults }: Exchange): void {
  const identity = identityOf(request.socket as TLSSocket);
  const options: HttpsRequestOptions = {
    host: '127.0.0.1',
    port: target,
    // Else Node would check the API server's certificate against the client's Host header.
    servername: 'localhost',
    method: request.method ?? 'GET',
    path: request.url ?? '/',
    headers: { ...passedOn(request.headers), ...identity },
    agent: identity === undefined ? upstream.anonymous : upstream.asProxy,
  };
  const sent = httpsRequest(options, (answer) => {
    response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
    response.flushHeaders();
    const forget = isWatch(request) ? faults.addWatch(() => response.destroy()) : undefined;
    // A failure half-way cannot be told to the client in any other way than the server itself would: the stream ends early.
    pipeline(answer, response, () => forget?.());
  });
  // No answer from the API server: the client sees what it would see without a proxy, a connection that breaks.
  sent.once('error', () => request.socket.destroy());
  response.once('close', () => {
    if (!response.writableFinished) sent.destroy();
  });
  pipeline(request, sent, () => undefined);
}

/** The headers that name the owner of the client's certificate; `undefined` without one that the cluster's authority has signed. */
function identityOf(socket: TLSSocket): IncomingHttpHeaders | undefined {
  if (!socket.authorized) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject;
  return { 'x-remote-user': String(CN), ...(O === undefined ? {} : { 'x-remote-group': O }) };
}

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.has(name)));
}

function isWatch(request: IncomingMessage): boolean {
  const { searchParams } = new URL(request.url ?? '/', 'https://proxy');
  const value = searchParams.get('watch');
  return value === 'true' || value === '1';
}
