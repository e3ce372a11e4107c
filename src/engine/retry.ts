import type { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { RetryPolicy } from './step.ts';

/**
 * How long to wait before try number `next` (2 or more), or `undefined` when the error or the policy allows no further try. Doubles from `firstDelayMs`
 * up to `maxDelayMs`; a server's own `afterMs` is a lower bound that no maximum cuts. No jitter: steps are few, requests have theirs in the adapters.
 */
export function delayBeforeTry(next: number, error: DrError, policy: RetryPolicy): DurationMs | undefined {
  if (error.retry === 'never' || next > policy.attempts) return undefined;
  const delay = Math.min(policy.firstDelayMs * 2 ** (next - 2), policy.maxDelayMs);
  return error.retry === 'retryable' ? delay : Math.max(delay, error.retry.afterMs);
}
