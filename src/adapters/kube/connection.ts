import type { Dispatcher } from 'undici';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';
import { exchange } from './exchange.ts';
import { type KubeReply, readStatus } from './kube-status.ts';
import { connectionCode, isTrustFailure, type Repeatability, type RetryCause, retryCauseOfFailure, retryCauseOfReply, retryDelayMs } from './retry-rules.ts';
import type { Session, Sessions } from './sessions.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path with its query. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly repeatability: Repeatability;
  /** A write without version or uid: the server may lose a race against itself, and the same request then succeeds. */
  readonly mayRace?: boolean;
  /** Every status is an answer: only lost connections are tried again. */
  readonly anyStatus?: boolean;
  /** A 404 in plain text is final; else it means that a discovered type is not served *yet*. */
  readonly notFoundIsAnswer?: boolean;
  readonly signal: AbortSignal;
}

export interface ConnectionOptions {
  readonly clock: Clock;
  /** Longest time of one request with all its tries, in milliseconds. */
  readonly requestDeadlineMs: number;
  /** A number in [0, 1). */
  readonly jitter: () => number;
}

/** One try: an answer, or a connection failure, with the reason to try again if there is one. */
type Attempt =
  | { readonly reply: KubeReply; readonly session: Session; readonly cause: RetryCause | undefined }
  | { readonly error: unknown; readonly cause: RetryCause };

/** How long a proof of readiness stands, in milliseconds; a lost connection ends it at once. */
const READY_FOR_MS = 30_000;
/** Tries against a server that does not say that it is ready: about 6 s. Past that its refusals are taken as meant. */
const STARTING_TRIES = 8;

/** Sends requests to one API server, with retries and credentials that stay fresh. */
export class KubeConnection implements AsyncDisposable {
  readonly #sessions: Sessions;
  readonly #options: ConnectionOptions;
  readonly #retries = new Map<string, number>();
  readonly #closing = new AbortController();
  #readyUntil = 0;

  constructor(sessions: Sessions, options: ConnectionOptions) {
    this.#sessions = sessions;
    this.#options = options;
  }

  get server(): string {
    return this.#sessions.server;
  }

  /** Aborts when the connection is disposed of. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Tries so far beyond the first, by cause. */
  retryCounts(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#retries].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  countRetry(cause: string): void {
    this.#retries.set(cause, (this.#retries.get(cause) ?? 0) + 1);
  }

  /** Waits before try number `tries + 1` of something that failed without Retry-After. */
  async backOff(tries: number, signal: AbortSignal): Promise<void> {
    await this.#options.clock.sleep(retryDelayMs(tries, undefined, this.#options.jitter), signal);
  }

  /**
   * Sends a request until it has a final answer or the deadline has passed, and gives the last answer, whatever its status. Throws
   * `KUBE_UNAVAILABLE` when there was none, `KUBE_UNTRUSTED` when the server's certificate is not trusted.
   */
  async send(request: KubeRequest): Promise<KubeReply> {
    const deadline = this.#options.clock.monotonic() + this.#options.requestDeadlineMs;
    let last: Attempt | undefined;
    for (let tries = 1, refused = false; ; tries += 1) {
      const attempt: Attempt = await this.#attempt(request, { tries, last });
      last = attempt;
      if ('reply' in attempt && attempt.reply.status === 401 && !refused && request.anyStatus !== true) {
        refused = true;
        this.countRetry('401');
        await this.#sessions.renew(attempt.session);
        continue;
      }
      if ('reply' in attempt && attempt.cause === undefined) return attempt.reply;
      const delayMs = retryDelayMs(tries, 'reply' in attempt ? attempt.reply.retryAfterSeconds : undefined, this.#options.jitter);
      if (this.#options.clock.monotonic() + delayMs > deadline) {
        if ('reply' in attempt) return attempt.reply;
        throw this.#unavailable(request, attempt.error);
      }
      this.countRetry(attempt.cause ?? 'other');
      await this.#sleep(delayMs, request, attempt);
    }
  }

  /** Opens a streamed answer on the watch pool: one try. Rejects with the raw connection failure; the caller loops. */
  async openStream(path: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const session = await this.#sessions.current();
    return session.watches.request({
      origin: session.access.server,
      path: this.#pathOf(session, path),
      method: 'GET',
      headers: { ...session.access.headers, accept: 'application/json' },
      signal,
    });
  }

  /** Reads credentials again after a streamed request was refused. */
  async renewCredentials(): Promise<void> {
    await this.#sessions.renew(await this.#sessions.current());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DrError({ code: 'CANCELLED', message: `the connection to ${this.server} is closed` }));
    await this.#sessions[Symbol.asyncDispose]();
  }

  async #attempt(request: KubeRequest, { tries, last }: { readonly tries: number; readonly last: Attempt | undefined }): Promise<Attempt> {
    const session = await this.#sessions.current();
    try {
      const reply = await this.#exchange(session, request);
      return { reply, session, cause: await this.#causeOf(reply, { request, session, tries }) };
    } catch (error) {
      if (request.signal.aborted) throw this.#aborted(request, last);
      if (this.closing.aborted) throw abortError(this.closing, this.#describe(request), 'KUBE_UNAVAILABLE');
      if (isTrustFailure(error)) throw this.#untrusted(error);
      const cause = retryCauseOfFailure(error, request.repeatability);
      if (cause === undefined) throw this.#unavailable(request, error);
      this.#readyUntil = 0;
      return { error, cause };
    }
  }

  async #causeOf(
    reply: KubeReply,
    context: { readonly request: KubeRequest; readonly session: Session; readonly tries: number },
  ): Promise<RetryCause | undefined> {
    const { request, session, tries } = context;
    if (request.anyStatus === true) return undefined;
    const isAbsence = request.notFoundIsAnswer === true && reply.status === 404;
    const cause = isAbsence ? undefined : retryCauseOfReply(reply, { repeatability: request.repeatability, mayRace: request.mayRace ?? false, tries });
    if (cause !== undefined || !isStartingAnswer(reply) || tries >= STARTING_TRIES) return cause;
    return (await this.#wasReady(session, request.signal)) ? undefined : 'starting';
  }

  /**
   * Says whether the server was known to be ready before the answer in hand came. If not it asks, so that the next answer counts. Measured on
   * kube-apiserver 1.36: for up to 0.5 s after it starts to listen it answers 403 to all but `system:masters`, and 404 for groups of CRDs.
   */
  async #wasReady(session: Session, signal: AbortSignal): Promise<boolean> {
    if (this.#options.clock.monotonic() < this.#readyUntil) return true;
    const { status } = await this.#exchange(session, { method: 'GET', path: '/readyz', accept: '*/*', repeatability: 'always', signal });
    if (status === 200) this.#readyUntil = this.#options.clock.monotonic() + READY_FOR_MS;
    return false;
  }

  async #exchange(session: Session, request: KubeRequest): Promise<KubeReply> {
    const { status, headers, body } = await exchange(session.requests, {
      origin: session.access.server,
      path: this.#pathOf(session, request.path),
      method: request.method,
      headers: {
        ...session.access.headers,
        accept: request.accept ?? 'application/json',
        ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      },
      body: request.body ?? null,
      signal: request.signal,
    });
    const retryAfter = Number(headers['retry-after']);
    return { status, contentType: String(headers['content-type'] ?? ''), ...(Number.isFinite(retryAfter) ? { retryAfterSeconds: retryAfter } : {}), body };
  }

  /** A server URL may have a path of its own (Rancher, the Lattice proxy): it goes in front. */
  #pathOf(session: Session, path: string): string {
    return session.pathPrefix === '' ? path : `${session.pathPrefix}${path}`;
  }

  async #sleep(delayMs: number, request: KubeRequest, last: Attempt): Promise<void> {
    try {
      await this.#options.clock.sleep(delayMs, request.signal);
    } catch (error) {
      if (request.signal.aborted) throw this.#aborted(request, last);
      throw error;
    }
  }

  /** What the caller's signal stopped, with the last failure before it: else a time limit would hide why there was so much to wait for. */
  #aborted(request: KubeRequest, last: Attempt | undefined): DrError {
    const failure = last === undefined ? undefined : 'reply' in last ? readStatus(last.reply).message : messageOf(last.error);
    const what = failure === undefined ? this.#describe(request) : `${this.#describe(request)} (last try: ${failure})`;
    return abortError(request.signal, what, 'KUBE_UNAVAILABLE');
  }

  #describe(request: KubeRequest): string {
    return `${request.method} ${request.path} on ${this.server}`;
  }

  #untrusted(cause: unknown): DrError {
    return new DrError({
      code: 'KUBE_UNTRUSTED',
      message: `${this.server} shows a certificate that its kubeconfig does not trust: ${messageOf(cause)}`,
      details: { code: connectionCode(cause) ?? '' },
      suggestions: ['the cluster may have been rebuilt with a new authority: get its new kubeconfig', 'check that the server URL is the one meant'],
      cause,
    });
  }

  #unavailable(request: KubeRequest, cause: unknown): DrError {
    const maybeDone = request.repeatability === 'unsent';
    return new DrError({
      code: 'KUBE_UNAVAILABLE',
      message: `no answer to ${this.#describe(request)}: ${messageOf(cause)}${maybeDone ? ' (the request may have been carried out)' : ''}`,
      details: { code: connectionCode(cause) ?? '', retries: this.retryCounts() },
      suggestions: ['check that the API server runs and that this machine can reach it'],
      retry: 'retryable',
      cause,
    });
  }
}

/** A refusal that a server also gives while it starts, before it has read its own rules and types. */
function isStartingAnswer(reply: KubeReply): boolean {
  return reply.status === 403 || (reply.status === 404 && !reply.contentType.includes('json'));
}

/** Message of a connection failure; an `AggregateError` has none of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}
