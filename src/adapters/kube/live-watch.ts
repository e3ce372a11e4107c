import type { Dispatcher } from 'undici';
import { asDrError, DrError, isDrError } from '../../errors/dr-error.ts';
import type { LiveScope, ServedResource } from '../../ports/kube-cluster.ts';
import { collectionPath, queryString } from './api-path.ts';
import type { KubeConnection } from './connection.ts';
import { type KubeReply, refusal } from './kube-status.ts';
import type { LiveCache } from './live-cache.ts';
import { type Listing, listAll } from './reads.ts';
import { connectionCode, isTrustFailure } from './retry-rules.ts';
import { MalformedWatchLine, readWatch } from './watch-stream.ts';

/** Seconds after which the server ends a watch in good order; client-go reflectors ask for 5 to 10 minutes. */
const WATCH_SECONDS = 300;
/** Watches that fail one after the other without an event, after which the list is taken anew: its version may be of no use to this server. */
const FAILURES_BEFORE_RELIST = 3;
/** Refusals one after the other, about 4 s in all, after which they are taken as meant: a server that starts refuses what it will allow (see connection.ts). */
const REFUSALS_LIMIT = 6;
/** Malformed streams one after the other, after which the set gives up: something between us and the server alters them. */
const MALFORMED_LIMIT = 3;

export interface LiveWatchOptions {
  readonly connection: KubeConnection;
  readonly resource: ServedResource;
  readonly scope: LiveScope;
  readonly cache: LiveCache;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** How one watch ended, and so how to go on: from the last version seen, from a new list, or (`failed`) after a pause. */
type WatchEnd = { readonly next: 'resume' | 'relist' | 'failed'; readonly cause?: string };

/**
 * Keeps a cache equal to the server by one list and a chain of watches, until its signal aborts or the server keeps refusing (401 after new
 * credentials, 403, 404), which fails the cache. An API server that is away is waited for: the waiters' own signals decide how long.
 */
export class LiveWatch {
  readonly #options: LiveWatchOptions;
  #version: string | undefined;
  #failures = 0;
  #malformed = 0;
  #refusals = 0;
  #renewed = false;

  constructor(options: LiveWatchOptions) {
    this.#options = options;
  }

  /** Takes the first list. Throws when the server does not give it within the connection's deadline. */
  async start(): Promise<void> {
    await this.#list();
  }

  /** Follows changes until the signal aborts; never rejects. */
  async run(): Promise<void> {
    const { signal, cache } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#step();
      } catch (error) {
        if (signal.aborted) return;
        if (isDrError(error, 'KUBE_UNAVAILABLE')) continue;
        return cache.fail(asDrError(error));
      }
    }
  }

  async #step(): Promise<void> {
    const { connection, signal } = this.#options;
    if (this.#version === undefined) await this.#list();
    const end = await this.#follow();
    if (signal.aborted) return;
    if (end.cause !== undefined) connection.countRetry(end.cause);
    this.#failures = end.next === 'failed' ? this.#failures + 1 : 0;
    if (end.next === 'relist' || this.#failures >= FAILURES_BEFORE_RELIST) this.#version = undefined;
    if (end.next === 'failed') await connection.backOff(this.#failures, signal);
  }

  async #list(): Promise<void> {
    const { connection, resource, scope, signal, cache } = this.#options;
    const listing: Listing | undefined = await listAll(connection, resource, { ...scope, signal });
    if (listing === undefined) throw this.#refused({ status: 404, contentType: '', body: `the server does not serve ${resource.plural}` });
    cache.replace(listing.items);
    this.#version = listing.resourceVersion;
  }

  async #follow(): Promise<WatchEnd> {
    const { connection, resource, scope, signal } = this.#options;
    const query = { watch: true, allowWatchBookmarks: true, resourceVersion: this.#version, timeoutSeconds: WATCH_SECONDS, labelSelector: scope.labelSelector };
    try {
      const response = await connection.openStream(collectionPath(resource, scope.namespace) + queryString(query), signal);
      if (response.statusCode !== 200) return await this.#onRefusal(response);
      this.#renewed = false;
      this.#refusals = 0;
      return await this.#readEvents(response.body);
    } catch (error) {
      return this.#onFailure(error);
    }
  }

  async #readEvents(body: AsyncIterable<Uint8Array>): Promise<WatchEnd> {
    for await (const events of readWatch(body)) {
      this.#failures = 0;
      this.#malformed = 0;
      this.#options.cache.take(events);
      for (const { type, object } of events) {
        if (type === 'ERROR') return { next: 'relist', cause: object.code === 410 ? 'watch-relist' : 'watch-error' };
        this.#version = object.metadata.resourceVersion ?? this.#version;
      }
    }
    return { next: 'resume' };
  }

  async #onRefusal(response: Dispatcher.ResponseData): Promise<WatchEnd> {
    const reply: KubeReply = {
      status: response.statusCode,
      contentType: String(response.headers['content-type'] ?? ''),
      body: await response.body.text(),
    };
    if (reply.status === 410) return { next: 'relist', cause: 'watch-relist' };
    if (reply.status === 401 && !this.#renewed) {
      this.#renewed = true;
      await this.#options.connection.renewCredentials();
      return { next: 'resume', cause: '401' };
    }
    const away = reply.status === 429 || reply.status >= 500;
    if (!away) this.#refusals += 1;
    const mayPass = away || ((reply.status === 403 || reply.status === 404) && this.#refusals < REFUSALS_LIMIT);
    if (mayPass) return { next: 'failed', cause: `${reply.status}` };
    throw this.#refused(reply);
  }

  #onFailure(error: unknown): WatchEnd {
    if (this.#options.signal.aborted) return { next: 'resume' };
    if (error instanceof DrError) throw error;
    if (error instanceof MalformedWatchLine) return this.#onMalformed(error);
    if (isTrustFailure(error) || connectionCode(error) === undefined) throw error;
    return connectionCode(error) === 'UND_ERR_BODY_TIMEOUT' ? { next: 'resume', cause: 'watch-silent' } : { next: 'failed', cause: 'watch-cut' };
  }

  #onMalformed(error: MalformedWatchLine): WatchEnd {
    this.#malformed += 1;
    if (this.#malformed < MALFORMED_LIMIT) return { next: 'relist', cause: 'watch-malformed' };
    throw new DrError({
      code: 'KUBE_REFUSED',
      message: `${error.message} (${MALFORMED_LIMIT} times, on ${this.#options.connection.server})`,
      suggestions: ['look for a proxy between this machine and the API server'],
      cause: error,
    });
  }

  #refused(reply: KubeReply): DrError {
    const { resource, connection } = this.#options;
    return refusal(reply, `watch ${resource.kind} (${resource.apiVersion}) on ${connection.server}`);
  }
}
