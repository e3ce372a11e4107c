import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { LiveScope, LiveSet, ServedResource } from '../../ports/kube-cluster.ts';
import type { KubeConnection } from './connection.ts';
import { LiveCache } from './live-cache.ts';
import { LiveWatch } from './live-watch.ts';

interface Shared {
  readonly cache: LiveCache;
  readonly stop: AbortController;
  /** Resolves with the first list. */
  readonly ready: Promise<void>;
  users: number;
}

/** The live sets of one cluster: one list+watch for each type and scope, however many users; gone with the last of them. */
export class LiveSets implements AsyncDisposable {
  readonly #connection: KubeConnection;
  readonly #shared = new Map<string, Shared>();

  constructor(connection: KubeConnection) {
    this.#connection = connection;
  }

  /** Joins or starts the set of a type. Resolves once it holds a first list, so that "absent" is a fact and not a lack of news. */
  async open(resource: ServedResource, scope: LiveScope): Promise<LiveSet> {
    const key = [resource.apiVersion, resource.plural, scope.namespace ?? '', scope.labelSelector ?? ''].join(' ');
    const shared = this.#shared.get(key) ?? this.#start(resource, scope);
    this.#shared.set(key, shared);
    shared.users += 1;
    try {
      await shared.ready;
      return new LiveHandle(shared.cache, () => this.#release(key, shared));
    } catch (error) {
      this.#release(key, shared);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, shared] of this.#shared) this.#end(key, shared);
  }

  #start(resource: ServedResource, scope: LiveScope): Shared {
    const cache = new LiveCache();
    const stop = new AbortController();
    const watch = new LiveWatch({ connection: this.#connection, resource, scope, cache, signal: stop.signal });
    const ready = watch.start();
    // Its failure reaches every user through `ready` or through the cache.
    void ready.then(
      async () => watch.run(),
      () => undefined,
    );
    return { cache, stop, ready, users: 0 };
  }

  #release(key: string, shared: Shared): void {
    shared.users -= 1;
    if (shared.users === 0) this.#end(key, shared);
  }

  #end(key: string, shared: Shared): void {
    if (this.#shared.get(key) === shared) this.#shared.delete(key);
    shared.stop.abort(new DrError({ code: 'CANCELLED', message: 'the live set is no longer used' }));
    shared.cache.fail(abortError(shared.stop.signal, 'watching', 'CANCELLED'));
  }
}

/** One user's view of a shared set. */
class LiveHandle implements LiveSet {
  readonly #cache: LiveCache;
  #release: (() => void) | undefined;

  constructor(cache: LiveCache, release: () => void) {
    this.#cache = cache;
    this.#release = release;
  }

  get objects(): ReadonlyMap<string, KubeObject> {
    return this.#cache.objects;
  }

  async until<T>(predicate: (objects: ReadonlyMap<string, KubeObject>) => T | undefined, signal: AbortSignal): Promise<T> {
    return this.#cache.until(predicate, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#release?.();
    this.#release = undefined;
  }
}
