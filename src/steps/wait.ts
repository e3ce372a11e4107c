import type { ReadContext } from '../engine/step.ts';
import { type DrError, isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';

/** What a wait ends with that was too long: an error that is thrown, or anything else, which is given. */
export type Late<T> = () => DrError | T | Promise<DrError | T>;

/**
 * Runs `work` under a signal that aborts with the step's own or after `limitMs`. When the limit is what ended it, `late` gives the error to throw, so
 * that a wait always says what it was waiting for, or what is given instead where that is no error.
 */
export async function withLimit<T>(
  ctx: Pick<ReadContext<unknown, unknown>, 'clock' | 'signal'>,
  limitMs: DurationMs,
  options: { readonly work: (signal: AbortSignal) => Promise<T>; readonly late: Late<T> },
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
    if (!limit.signal.aborted || ctx.signal.aborted) throw error;
    const end = await options.late();
    if (isDrError(end)) throw end;
    return end;
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
 * watched: a machine, another program. Once `limitMs` is over it ends as `withLimit` does.
 */
export async function lookUntil<T>(
  ctx: Pick<ReadContext<unknown, unknown>, 'clock' | 'signal'>,
  limitMs: DurationMs,
  options: { readonly apartMs: DurationMs; readonly look: (signal: AbortSignal) => Promise<T | undefined>; readonly late: Late<T> },
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
