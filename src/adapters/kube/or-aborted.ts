import { abortError } from '../../errors/abort-error.ts';

/** Waits for work that others share, or until the waiter's own signal aborts; the work goes on. `what` reads after "stopped". */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal, what: string): Promise<T> {
  if (signal.aborted) throw abortError(signal, what, 'KUBE_UNAVAILABLE');
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(abortError(signal, what, 'KUBE_UNAVAILABLE'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
    // If nobody else waits for the work, its failure is ours no more.
    work.catch(() => undefined);
  }
}
