import type { ReadContext } from '../engine/step.ts';
import type { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';

/**
 * Runs `work` under a signal that aborts with the step's own or after `limitMs`. When the limit is what ended it, `late` gives the error to throw, so
 * that a wait always says what it was waiting for.
 */
export async function withLimit<T>(
  ctx: Pick<ReadContext<unknown, unknown>, 'clock' | 'signal'>,
  limitMs: DurationMs,
  options: { readonly work: (signal: AbortSignal) => Promise<T>; readonly late: () => DrError | Promise<DrError> },
): Promise<T> {
  const limit = new AbortController();
  const finished = new AbortController();
  const expired = ctx.clock.sleep(limitMs, AbortSignal.any([finished.signal, ctx.signal])).then(
    () => limit.abort(),
    () => undefined,
  );
  try {
    return await options.work(AbortSignal.any([ctx.signal, limit.signal]));
  } catch (error) {
    if (limit.signal.aborted && !ctx.signal.aborted) throw await options.late();
    throw error;
  } finally {
    finished.abort();
    await expired;
  }
}
