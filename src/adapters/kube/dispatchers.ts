import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from 'undici';
import { DrError } from '../../errors/dr-error.ts';

/** How to reach a server, as client-node's `KubeConfig.createDispatcherOptions` describes it. */
export type DispatcherOptions =
  | { readonly type: 'proxy'; readonly uri: string; readonly requestTls: ConnectionOptions; readonly connect: ConnectionOptions }
  | { readonly type: 'socks'; readonly uri: string; readonly requestTls: ConnectionOptions }
  | { readonly type: 'agent'; readonly connect: ConnectionOptions }
  | { readonly type: 'none' };

export interface PoolOptions {
  /** Most connections at a time; `null` for no limit. */
  readonly connections: number | null;
  /** Longest wait for one connection, its TLS included, in milliseconds. Default 10 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** Milliseconds without a byte of the answer, before its head or within it, after which the connection is given up. */
  readonly inactivityMs: number;
}

/** kube-apiserver 1.36 closes idle connections after 90 s (`IdleTimeout` in secure_serving.go); ours go first, so that none is lost under a request. */
const KEEP_ALIVE_MS = 60_000;
/** A machine that is gone answers nothing; loopback and WAN connections are made well within this. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Makes one connection pool. HTTP/1.1: no slower than HTTP/2 here, and it spreads load over API servers behind one balancer. */
export function createPool(options: DispatcherOptions, pool: PoolOptions): Dispatcher {
  const timeoutMs = pool.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const tls = (of: ConnectionOptions): NonNullable<ProxyAgent.Options['requestTls']> => buildOptions(of, timeoutMs);
  const common = {
    connections: pool.connections,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: pool.inactivityMs,
    bodyTimeout: pool.inactivityMs,
    connectTimeout: timeoutMs,
    allowH2: false,
  };
  switch (options.type) {
    case 'proxy':
      return new ProxyAgent({ ...common, uri: options.uri, requestTls: tls(options.requestTls), connect: tls(options.connect) });
    case 'socks':
      return new Socks5ProxyAgent(options.uri, { ...common, requestTls: tls(options.requestTls) });
    case 'agent':
      return new Agent({ ...common, connect: tls(options.connect) });
    case 'none':
      return new Agent(common);
  }
}

/**
 * undici takes every option of `tls.connect`, but narrows `servername` and `port` in its types. Certificates and keys are parsed once for all connections of
 * a pool: 32 times over, that is 80 ms of the first requests.
 */
function buildOptions(tls: ConnectionOptions, timeoutMs: number): NonNullable<ProxyAgent.Options['requestTls']> {
  return { ...tls, ...secureContextOf(tls), timeout: timeoutMs } as NonNullable<ProxyAgent.Options['requestTls']>;
}

/** Nothing without an authority of its own: the machine's are read then, which takes longer than a connection and is not needed for a proxy over HTTP. */
function secureContextOf(tls: ConnectionOptions): Pick<ConnectionOptions, 'secureContext'> {
  if (tls.ca === undefined) return {};
  try {
    return { secureContext: createSecureContext(tls) };
  } catch (cause) {
    throw new DrError({
      code: 'KUBECONFIG_INVALID',
      message: `the authority, certificate or key of a kubeconfig cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      suggestions: ['get the kubeconfig again; its *-data fields are base64 of PEM'],
      cause,
    });
  }
}
