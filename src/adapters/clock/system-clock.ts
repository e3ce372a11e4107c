import type { Clock } from '../../ports/clock.ts';

/** Longest delay that a Node timer takes; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    let left = ms;
    do {
      await sleepOnce(Math.min(left, MAX_TIMER_MS), signal);
      left -= MAX_TIMER_MS;
    } while (left > 0);
  },
};

/** Own timer instead of `node:timers/promises`, which rejects with an `AbortError` and not with the signal's reason. */
function sleepOnce(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
