import { isDrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';

/** Waits between tries: double from 0.1 s to 5 s, each cut at random by up to half so that writers do not come back in step. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;

export interface RetryWhileAwayOptions {
  readonly clock: Clock;
  /** No try begins later than this; without it, tries go on as long as the store is away. */
  readonly limitMs?: number;
  /** Ends the waiting: the try under way is the last one. */
  readonly signal?: AbortSignal;
}

/** Tries again and again while the answer is `STORE_UNAVAILABLE`; any other failure is final at once. Throws the failure of the last try. */
export async function retryWhileAway<T>(attempt: () => Promise<T>, { clock, limitMs = Number.POSITIVE_INFINITY, signal }: RetryWhileAwayOptions): Promise<T> {
  const until = clock.monotonic() + limitMs;
  for (let longest = FIRST_WAIT_MS; ; longest = Math.min(longest * 2, LONGEST_WAIT_MS)) {
    try {
      return await attempt();
    } catch (error) {
      const wait = longest * (1 - Math.random() / 2);
      if (!isDrError(error, 'STORE_UNAVAILABLE') || clock.monotonic() + wait > until) throw error;
      await clock.sleep(wait, signal).catch(() => Promise.reject(error));
    }
  }
}
