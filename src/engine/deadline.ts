import { asDrError, DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';

/** Work that does not stop this long after its abort is left behind: the person who pressed Ctrl-C must get an end. */
export const ABORT_GRACE_MS = 10_000;

export interface DeadlineOptions<T> {
  readonly clock: Clock;
  /** Aborts the work from outside. */
  readonly signal: AbortSignal;
  readonly timeoutMs: DurationMs;
  /** The error when time is up. */
  readonly late: () => DrError;
  readonly work: (signal: AbortSignal) => Promise<T>;
}

/**
 * Runs work under a signal that aborts with the outer one or when time is up. What the work gives although it was aborted still counts. When it rejects
 * after its abort, the reason of the abort is thrown, because what it says then is mostly an echo. Work that ignores its abort for 10 s is left behind,
 * and the error says so.
 */
export async function withDeadline<T>(options: DeadlineOptions<T>): Promise<T> {
  const { clock, signal, timeoutMs } = options;
  const limit = new AbortController();
  const finished = new AbortController();
  const inner = AbortSignal.any([signal, limit.signal]);
  const quietly = (): undefined => undefined;
  void clock.sleep(timeoutMs, finished.signal).then(() => limit.abort(options.late()), quietly);
  const deserted = aborted(inner, finished.signal)
    .then(() => clock.sleep(ABORT_GRACE_MS, finished.signal))
    .then((): never => {
      throw leftBehind(asDrError(inner.reason));
    });
  deserted.catch(quietly);
  const work = options.work(inner).catch((error: unknown) => {
    throw inner.aborted ? inner.reason : error;
  });
  try {
    return await Promise.race([work, deserted]);
  } finally {
    finished.abort();
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
