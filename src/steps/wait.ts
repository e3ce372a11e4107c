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

/** The first gap between two looks. What takes a moment is then seen in a moment, and each gap is half as long again, so that what takes long is seldom asked. */
const FIRST_GAP_MS: DurationMs = 50;
const GAP_GROWTH = 1.5;

/**
 * Looks again and again until a look gives something else than `undefined`: soon at first, then ever more seldom, up to `apartMs` apart. For what cannot be
 * watched: a machine, another program. Throws what `late` gives once `limitMs` is over.
 */
export async function lookUntil<T>(
  ctx: Pick<ReadContext<unknown, unknown>, 'clock' | 'signal'>,
  limitMs: DurationMs,
  options: { readonly apartMs: DurationMs; readonly look: (signal: AbortSignal) => Promise<T | undefined>; readonly late: () => DrError | Promise<DrError> },
): Promise<T> {
  const { apartMs, look, late } = options;
  return await withLimit(ctx, limitMs, {
    late,
    work: async (signal) => {
      for (let gapMs = FIRST_GAP_MS; ; gapMs *= GAP_GROWTH) {
        const found = await look(signal);
        if (found !== undefined) return found;
        await ctx.clock.sleep(Math.min(gapMs, apartMs), signal);
      }
    },
  });
}
