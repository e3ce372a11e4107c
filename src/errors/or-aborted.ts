/**
 * Waits for work that knows no signal, or that others share, until the signal aborts; the work goes on, and what comes of it later is nobody's. Rejects with
 * what `reasonOf` gives, by default the signal's reason.
 */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal, reasonOf: () => unknown = () => signal.reason): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(reasonOf());
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
