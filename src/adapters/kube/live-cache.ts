import { abortError } from '../../errors/abort-error.ts';
import type { DrError } from '../../errors/dr-error.ts';
import { type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import type { WatchEvent } from './watch-stream.ts';

type Predicate<T> = (objects: ReadonlyMap<string, KubeObject>) => T | undefined;

interface Waiter {
  readonly check: () => void;
  readonly fail: (error: DrError) => void;
}

/** Objects of one type as last seen, and those who wait for them to change. Knows nothing of connections. */
export class LiveCache {
  readonly #objects = new Map<string, KubeObject>();
  readonly #waiters = new Set<Waiter>();
  #failure: DrError | undefined;

  get objects(): ReadonlyMap<string, KubeObject> {
    return this.#objects;
  }

  /** Takes a new list as the whole truth: what is not in it is gone. */
  replace(items: readonly KubeObject[]): void {
    this.#objects.clear();
    for (const item of items) this.#objects.set(refKey(refOf(item)), item);
    this.#changed();
  }

  /** Takes changes in their order; waiters are asked once for all of them. */
  take(events: readonly WatchEvent[]): void {
    let changed = false;
    for (const { type, object } of events) {
      if (type === 'BOOKMARK' || type === 'ERROR') continue;
      const key = refKey(refOf(object));
      if (type === 'DELETED') this.#objects.delete(key);
      else this.#objects.set(key, object);
      changed = true;
    }
    if (changed) this.#changed();
  }

  /** Ends all waits, present and future, with an error that watching again cannot mend. */
  fail(error: DrError): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters) waiter.fail(error);
  }

  /** Resolves with the predicate's first defined result, now or after a change; rejects on abort, on `fail`, or with what the predicate throws. */
  async until<T>(predicate: Predicate<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) throw abortError(signal, 'waiting for objects', 'KUBE_UNAVAILABLE');
    if (this.#failure !== undefined) throw this.#failure;
    const now = predicate(this.#objects);
    return now === undefined ? this.#wait(predicate, signal) : now;
  }

  async #wait<T>(predicate: Predicate<T>, signal: AbortSignal): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const check = () => {
      try {
        const value = predicate(this.#objects);
        if (value !== undefined) resolve(value);
      } catch (error) {
        reject(error);
      }
    };
    const abort = () => reject(abortError(signal, 'waiting for objects', 'KUBE_UNAVAILABLE'));
    const waiter: Waiter = { check, fail: reject };
    this.#waiters.add(waiter);
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener('abort', abort);
    }
  }

  #changed(): void {
    for (const waiter of this.#waiters) waiter.check();
  }
}
