import { asDrError, DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';

/** Work that does not stop this long after its abort is left behind: the person who pressed Ctrl-C must get an end. */
export const ABORT_GRACE_MS = 10_000;

/** Stops the deadline's clock while something is awaited that is not the work's doing: a person's answer. */
export type Pause = <T>(wait: () => Promise<T>) => Promise<T>;

export interface DeadlineOptions<T> {
  readonly clock: Clock;
  /** Aborts the work from outside. */
  readonly signal: AbortSignal;
  readonly timeoutMs: DurationMs;
  /** The error when time is up. */
  readonly late: () => DrError;
  readonly work: (signal: AbortSignal, pause: Pause) => Promise<T>;
}

/**
 * Runs work under a signal that aborts with the outer one or when time is up. What the work gives although it was aborted still counts. When it rejects
 * after its abort, the reason of the abort is thrown, because what it says then is mostly an echo. Work that ignores its abort for 10 s is left behind,
 * and the error says so.
 */
export async function withDeadline<T>(options: DeadlineOptions<T>): Promise<T> {
  const { clock, signal } = options;
  const limit = new AbortController();
  const finished = new AbortController();
  const inner = AbortSignal.any([signal, limit.signal]);
  const timer = new PausableTimer(clock, options.timeoutMs, () => limit.abort(options.late()));
  const deserted = aborted(inner, finished.signal)
    .then(() => clock.sleep(ABORT_GRACE_MS, finished.signal))
    .then((): never => {
      throw leftBehind(asDrError(inner.reason));
    });
  deserted.catch(() => undefined);
  const work = start(options.work, inner, timer.pause).catch((error: unknown) => {
    throw inner.aborted ? inner.reason : error;
  });
  try {
    return await Promise.race([work, deserted]);
  } finally {
    timer.stop();
    finished.abort();
  }
}

/** Makes a rejection of what throws before its first await. */
async function start<T>(work: DeadlineOptions<T>['work'], signal: AbortSignal, pause: Pause): Promise<T> {
  return await work(signal, pause);
}

/** Calls back once a span has passed, not counting pauses. */
class PausableTimer {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #leftMs: DurationMs;
  #startedMs = 0;
  #pauses = 0;
  #sleep: AbortController | undefined;

  constructor(clock: Clock, ms: DurationMs, ring: () => void) {
    this.#clock = clock;
    this.#leftMs = ms;
    this.#ring = ring;
    this.#run();
  }

  readonly pause: Pause = async (wait) => {
    this.#pauses += 1;
    if (this.#pauses === 1) this.stop();
    try {
      return await wait();
    } finally {
      this.#pauses -= 1;
      if (this.#pauses === 0) this.#run();
    }
  };

  stop(): void {
    if (this.#sleep === undefined) return;
    this.#sleep.abort();
    this.#sleep = undefined;
    this.#leftMs -= this.#clock.monotonic() - this.#startedMs;
  }

  #run(): void {
    this.#startedMs = this.#clock.monotonic();
    this.#sleep = new AbortController();
    this.#clock.sleep(Math.max(0, this.#leftMs), this.#sleep.signal).then(this.#ring, () => undefined);
  }
}

function leftBehind(reason: DrError): DrError {
  const { code, details, suggestions } = reason;
  const message = `${reason.message}; it did not stop within ${ABORT_GRACE_MS / 1_000} s of its abort and was left behind`;
  return new DrError({ code, message, details, suggestions, cause: reason });
}

/** Resolves when the signal aborts; never, and without listening any longer, once `finished` has aborted. */
function aborted(signal: AbortSignal, finished: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: finished });
  });
}
