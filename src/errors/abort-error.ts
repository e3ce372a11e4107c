import type { ErrorCode } from './codes.ts';
import { DrError } from './dr-error.ts';

/**
 * Turns the reason of an aborted signal into what an adapter throws: the reason itself when it is a `DrError`; the given "no answer" code when the
 * signal was a time limit (`AbortSignal.timeout`); `CANCELLED` otherwise.
 *
 * @param signal - an aborted signal
 * @param what - what was being done, as it reads after "stopped": `GET /version on https://10.0.0.1:6443`
 * @param timeoutCode - code of a time limit that ran out
 */
export function abortError(signal: AbortSignal, what: string, timeoutCode: ErrorCode): DrError {
  const reason: unknown = signal.reason;
  if (reason instanceof DrError) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') {
    return new DrError({ code: timeoutCode, message: `no answer within the time allowed: ${what}`, retry: 'retryable', cause: reason });
  }
  return new DrError({ code: 'CANCELLED', message: `stopped ${what}`, cause: reason });
}
