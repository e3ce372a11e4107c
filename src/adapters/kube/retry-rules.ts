import { isSchemaRefusal, isWebhookFailure, isWriteRace, type KubeReply } from './kube-status.ts';

/** What a request allows: `always` may be sent again after any failure; `unsent` only when the server has certainly not acted on it. */
export type Repeatability = 'always' | 'unsent';

/** Why a request is tried again; the key under which it is counted. */
export type RetryCause = '429' | '500' | '502' | '503' | '504' | 'webhook' | 'conflict' | 'not-yet-served' | 'starting' | 'connect' | 'cut' | 'timeout';

/** Waits between tries without Retry-After: 100, 200, 400, 800 ms, then 1.6 s until the deadline; each shortened by up to half at random. */
const BACKOFF = { firstMs: 100, factor: 2, maxMs: 1_600 } as const;

/** A refusal that the server gives while a new type is being installed lasts well under this; longer means that the type is really absent. */
const NOT_YET_SERVED_TRIES = 6;
/** The server itself retries a lost race 5 times; ours are on top. */
const WRITE_RACE_TRIES = 5;

/** Node and undici codes of failures that happen before a request is on the wire. */
const UNSENT = new Set(['ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL']);
/** Codes of connections that ended while a request was on the wire: the server may have acted on it. */
const CUT = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ECONNABORTED']);
const TIMEOUT = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'ETIMEDOUT']);

export interface ReplyContext {
  readonly repeatability: Repeatability;
  /** The request names no version or uid, so a lost race inside the server is no conflict of ours. */
  readonly mayRace: boolean;
  /** Tries so far, this one included. */
  readonly tries: number;
}

/** Says why a reply asks for another try, or `undefined` when it is final. */
export function retryCauseOfReply(reply: KubeReply, { repeatability, mayRace, tries }: ReplyContext): RetryCause | undefined {
  const { status } = reply;
  if (status === 429) return '429';
  if (status === 503) return '503';
  if (isWebhookFailure(reply)) return 'webhook';
  if (status === 404 && !reply.contentType.includes('json')) return tries < NOT_YET_SERVED_TRIES ? 'not-yet-served' : undefined;
  if (repeatability === 'unsent' || isSchemaRefusal(reply)) return undefined;
  if (status === 500 || status === 502 || status === 504) return `${status}`;
  return mayRace && tries <= WRITE_RACE_TRIES && isWriteRace(reply) ? 'conflict' : undefined;
}

/** Says why a failed connection asks for another try, or `undefined` when it must not be repeated. */
export function retryCauseOfFailure(error: unknown, repeatability: Repeatability): RetryCause | undefined {
  const code = connectionCode(error);
  if (code === undefined) return undefined;
  if (UNSENT.has(code)) return 'connect';
  if (repeatability === 'unsent') return undefined;
  if (CUT.has(code)) return 'cut';
  return TIMEOUT.has(code) ? 'timeout' : undefined;
}

/** Code of a connection failure, looked for in causes and in the parts of an `AggregateError` (Node tries several addresses). */
export function connectionCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof AggregateError) return error.errors.map(connectionCode).find((code) => code !== undefined);
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : connectionCode(error.cause);
}

/** Says whether the failure is that the server's certificate is not trusted. Never repeated: waiting does not change it. */
export function isTrustFailure(error: unknown): boolean {
  const code = connectionCode(error) ?? '';
  return code.startsWith('ERR_TLS_CERT') || code.includes('SELF_SIGNED') || code.includes('UNABLE_TO_') || code.startsWith('CERT_');
}

/** Milliseconds to wait before try number `tries + 1`. Retry-After is obeyed and lengthened by up to a quarter, so that waiters do not return together. */
export function retryDelayMs(tries: number, retryAfterSeconds: number | undefined, jitter: () => number): number {
  if (retryAfterSeconds !== undefined && retryAfterSeconds > 0) return Math.round(retryAfterSeconds * 1_000 * (1 + jitter() / 4));
  const full = Math.min(BACKOFF.firstMs * BACKOFF.factor ** (tries - 1), BACKOFF.maxMs);
  return Math.round(full * (1 - jitter() / 2));
}
