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

/**
 * Looks again and again, `everyMs` apart, until a look gives something else than `undefined`. For what cannot be watched: a machine, another program. Throws
 * what `late` gives once `limitMs` is over.
 */
export async function lookUntil<T>(
  ctx: Pick<ReadContext<unknown, unknown>, 'clock' | 'signal'>,
  limitMs: DurationMs,
  options: { readonly everyMs: DurationMs; readonly look: (signal: AbortSignal) => Promise<T | undefined>; readonly late: () => DrError | Promise<DrError> },
): Promise<T> {
  const { everyMs, look, late } = options;
  return await withLimit(ctx, limitMs, {
    late,
    work: async (signal) => {
      for (;;) {
        const found = await look(signal);
        if (found !== undefined) return found;
        await ctx.clock.sleep(everyMs, signal);
      }
    },
  });
}
