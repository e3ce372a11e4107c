import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import { Agent, buildConnector, request as send } from 'undici';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { HttpProbe, HttpProbeRequest, HttpProbeResponse } from '../../ports/http.ts';
import type { NameResolver } from '../../ports/name-resolver.ts';

/** A health answer is small; one larger than this is cut, so that a wrong URL cannot fill memory. */
const MAX_BODY_BYTES = 1_048_576;

export interface HttpProbeOptions {
  readonly resolver: NameResolver;
}

/** Sends health probes, each on a connection of its own: what it proves is that a new client gets in now. Redirects are answers, not followed. */
export function createHttpProbe(options: HttpProbeOptions): HttpProbe {
  return { get: async (request) => get(request, options) };
}

interface Target {
  readonly host: string;
  readonly port: number;
}

async function get(request: HttpProbeRequest, { resolver }: HttpProbeOptions): Promise<HttpProbeResponse> {
  const url = parseUrl(request.url);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(request.timeoutMs)]);
  const targets = await targetsOf(url, { request, resolver, signal });
  let failure: unknown;
  for (const target of targets) {
    try {
      return await getFrom(url, { target, signal });
    } catch (error) {
      if (request.signal.aborted) throw abortError(request.signal, `GET ${request.url}`, 'HEALTH_NOT_PROVEN');
      failure = error;
    }
  }
  throw noAnswer(request, `${targets.map(({ host, port }) => `${host}:${port}`).join(', ')}: ${causeText(failure)}`, failure);
}

/** Where to connect: the address given, what the given DNS server says, or the URL's host through this machine's resolver. */
async function targetsOf(
  url: URL,
  { request, resolver, signal }: { readonly request: HttpProbeRequest; readonly resolver: NameResolver; readonly signal: AbortSignal },
): Promise<readonly Target[]> {
  if (request.address !== undefined) return [request.address];
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  if (request.resolver === undefined || isIP(host) !== 0) return [{ host, port }];
  const { host: dnsHost, port: dnsPort } = request.resolver;
  const addresses = await resolver.addresses(host, request.resolver, signal).catch((error: unknown) => {
    if (request.signal.aborted) throw abortError(request.signal, `GET ${request.url}`, 'HEALTH_NOT_PROVEN');
    throw noAnswer(request, (error as Error).message, error);
  });
  if (addresses.length === 0) throw noAnswer(request, `${host} has no address at DNS server ${dnsHost}:${dnsPort}`);
  return addresses.map((address) => ({ host: address, port }));
}

async function getFrom(url: URL, { target, signal }: { readonly target: Target; readonly signal: AbortSignal }): Promise<HttpProbeResponse> {
  const connector = buildConnector(isIP(url.hostname) === 0 ? { servername: url.hostname } : {});
  let address = target.host;
  const agent = new Agent({
    connect: (options, callback) => {
      connector({ ...options, hostname: target.host, host: target.host, port: String(target.port) }, (...result) => {
        const socket: Socket | null = result[1];
        address = socket?.remoteAddress ?? address;
        callback(...result);
      });
    },
  });
  try {
    const response = await send(url, { dispatcher: agent, signal, headers: { 'user-agent': 'lattice-dr-probe', 'accept-encoding': 'identity' } });
    return { status: response.statusCode, body: await limitedText(response.body), address };
  } finally {
    await agent.destroy();
  }
}

async function limitedText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new DrError({ code: 'INPUT_INVALID', message: `"${text}" is not an http or https URL`, suggestions: ['correct the probe in the plan'] });
}

function causeText(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(causeText).join('; ');
  if (!(error instanceof Error)) return String(error);
  return error.name === 'TimeoutError' ? 'no answer within the time limit' : error.message || error.name;
}

function noAnswer(request: HttpProbeRequest, why: string, cause?: unknown): DrError {
  return new DrError({
    code: 'HEALTH_NOT_PROVEN',
    message: `no answer to GET ${request.url}: ${why}`,
    retry: 'retryable',
    suggestions: ['check that the service runs and that its address is reachable from here'],
    ...(cause === undefined ? {} : { cause }),
  });
}
