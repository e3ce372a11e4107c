import type { Clock } from '../../ports/clock.ts';

/**
 * Keys that wait to be worked on. A key is in it at most once, however often it is added; one added while it is being worked on comes again afterwards;
 * one added with a delay comes then, or earlier if it is added again.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #ready = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, AbortController>();
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(key: string): void {
    this.#timers.get(key)?.abort();
    this.#timers.delete(key);
    if (this.#busy.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    for (const wake of this.#waiting) wake();
  }

  addAfter(key: string, delayMs: number): void {
    if (this.#ready.has(key) || this.#again.has(key)) return;
    this.#timers.get(key)?.abort();
    const timer = new AbortController();
    this.#timers.set(key, timer);
    this.#clock.sleep(delayMs, timer.signal).then(
      () => this.add(key),
      () => undefined,
    );
  }

  /** The next key, which is busy until `done`; rejects when the signal aborts. */
  async take(signal: AbortSignal): Promise<string> {
    while (this.#ready.size === 0) await this.#waitForKey(signal);
    signal.throwIfAborted();
    const [key] = this.#ready;
    if (key === undefined) throw new TypeError('an empty queue gave a key');
    this.#ready.delete(key);
    this.#busy.add(key);
    return key;
  }

  done(key: string): void {
    this.#busy.delete(key);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Drops all delayed keys. */
  close(): void {
    for (const timer of this.#timers.values()) timer.abort();
    this.#timers.clear();
  }

  #waitForKey(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', onAbort);
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const onAbort = (): void => {
        end();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(wake);
    });
  }
}
