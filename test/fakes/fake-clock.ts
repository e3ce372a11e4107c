import type { Clock } from '../../src/ports/clock.ts';

interface Timer {
  readonly due: number;
  readonly fire: () => void;
}

/**
 * A clock that stands still until a test moves it. `now` starts at a fixed date and moves with `monotonic`. Timers fire in order of their due time, at
 * that time.
 */
export class FakeClock implements Clock {
  readonly #epoch: number;
  readonly #timers = new Set<Timer>();
  #elapsed = 0;

  constructor(start = '2026-03-01T03:00:00.000Z') {
    this.#epoch = Date.parse(start);
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const onAbort = (): void => {
        this.#timers.delete(timer);
        reject(signal?.reason);
      };
      const timer: Timer = {
        due: this.#elapsed + ms,
        fire: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      this.#timers.add(timer);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Moves time on, firing what falls due on the way; work that a timer starts may set timers that fall due in the same span. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (let timer = this.#first(end); timer !== undefined; timer = this.#first(end)) {
      this.#elapsed = timer.due;
      this.#timers.delete(timer);
      timer.fire();
      await settle();
    }
    this.#elapsed = end;
  }

  /** Jumps from timer to timer until the promise settles. Throws when nothing is left that could settle it. */
  async runUntil<T>(promise: Promise<T>): Promise<T> {
    const state = { settled: false };
    const mark = (): void => {
      state.settled = true;
    };
    promise.then(mark, mark);
    await settle();
    while (!state.settled) {
      const timer = this.#first(Number.POSITIVE_INFINITY);
      if (timer === undefined) throw new Error('the promise waits for something that is not the clock');
      await this.advance(timer.due - this.#elapsed);
    }
    return await promise;
  }

  #first(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    return first;
  }
}

/** Lets everything run that needs no timer. Several turns, because work hops between promises and immediates. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
