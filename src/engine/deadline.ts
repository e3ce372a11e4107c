import { asDrError, DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';

/** Work that does not stop this long after its abort is left behind: the person who pressed Ctrl-C must get an end. */
export const ABORT_GRACE_MS = 10_000;

/** Nobody reads it; without a reason each abort would make an exception with a stack. */
const FINISHED = 'finished';

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

/** Runs work under a signal that aborts with the outer one or when time is up; for the rest as `untilAborted`. */
export async function withDeadline<T>(options: DeadlineOptions<T>): Promise<T> {
  const { clock, work } = options;
  return await withTimeLimit({
    ...options,
    work: async ({ up, pause }) => {
      const signal = AbortSignal.any([options.signal, up]);
      return await untilAborted({ clock, signal, work: async () => await work(signal, pause) });
    },
  });
}

/** Time that runs, and how it is stopped. */
export interface TimeLimit {
  /** Aborts when time is up. */
  readonly up: AbortSignal;
  readonly pause: Pause;
}

/** Runs work while a clock runs, and waits for the work to end by itself. */
export async function withTimeLimit<T>({
  clock,
  timeoutMs,
  late,
  work,
}: Omit<DeadlineOptions<T>, 'signal' | 'work'> & { readonly work: (limit: TimeLimit) => Promise<T> }): Promise<T> {
  const limit = new AbortController();
  const timer = new PausableTimer(clock, timeoutMs, () => limit.abort(late()));
  try {
    return await work({ up: limit.signal, pause: timer.pause });
  } finally {
    timer.end();
  }
}

/**
 * Runs work that obeys a signal. What it gives although it was aborted still counts. When it rejects after its abort, the reason of the abort is thrown,
 * because what it says then is mostly an echo. Work that ignores its abort for 10 s is left behind, and the error says so.
 */
export async function untilAborted<T>({
  clock,
  signal,
  work,
}: {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly work: () => Promise<T>;
}): Promise<T> {
  const deserted = Promise.withResolvers<never>();
  let grace: AbortController | undefined;
  const onAbort = (): void => {
    grace = new AbortController();
    const over = (): void => deserted.reject(leftBehind(asDrError(signal.reason)));
    clock.sleep(ABORT_GRACE_MS, grace.signal).then(over, () => undefined);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([obeying(work, signal), deserted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    grace?.abort(FINISHED);
  }
}

/** Says whether an error tells of work that ignored its abort and may still be under way. */
export function isLeftBehind(error: unknown): boolean {
  return error instanceof DrError && error.details['leftBehind'] === true;
}

async function obeying<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw signal.aborted && !isLeftBehind(error) ? signal.reason : error;
  }
}

/** Calls back once a span has passed, not counting pauses. */
class PausableTimer {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #leftMs: DurationMs;
  #startedMs = 0;
  #pauses = 0;
  #isOver = false;
  #sleep: AbortController | undefined;

  constructor(clock: Clock, ms: DurationMs, ring: () => void) {
    this.#clock = clock;
    this.#leftMs = ms;
    this.#ring = ring;
    this.#run();
  }

  readonly pause: Pause = async (wait) => {
    this.#pauses += 1;
    if (this.#pauses === 1) this.#stop();
    try {
      return await wait();
    } finally {
      this.#pauses -= 1;
      if (this.#pauses === 0) this.#run();
    }
  };

  end(): void {
    this.#isOver = true;
    this.#stop();
  }

  #stop(): void {
    if (this.#sleep === undefined) return;
    this.#sleep.abort(FINISHED);
    this.#sleep = undefined;
    this.#leftMs -= this.#clock.monotonic() - this.#startedMs;
  }

  #run(): void {
    if (this.#isOver) return;
    this.#startedMs = this.#clock.monotonic();
    this.#sleep = new AbortController();
    this.#clock.sleep(Math.max(0, this.#leftMs), this.#sleep.signal).then(this.#ring, () => undefined);
  }
}

function leftBehind(reason: DrError): DrError {
  const { code, details, suggestions } = reason;
  const message = `${reason.message}; it did not stop within ${ABORT_GRACE_MS / 1_000} s of its abort and was left behind`;
  return new DrError({ code, message, details: { ...details, leftBehind: true }, suggestions, cause: reason });
}
