import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';

/** What a request to a cloud came to, in the terms that its SDK is translated to. */
export interface CloudFailure {
  /** Status of HTTP; none when nobody answered, or nobody was asked. */
  readonly status: number | undefined;
  /** The server's own word, or a system's code such as ECONNREFUSED. */
  readonly code: string;
  readonly message: string;
  /** The SDK found nothing to sign requests with, so it asked nobody. */
  readonly isWithoutCredentials: boolean;
}

export interface CloudRequest {
  /** What was asked, as it reads after "to". */
  readonly what: string;
  readonly signal: AbortSignal;
  /** How to give this provider's SDK an identity. */
  readonly logIn: string;
}

/** Codes that callers of the port compare with, by status: the words of S3, whatever the provider calls it. */
const CODES: Readonly<Record<number, string>> = { 404: 'NoSuchKey', 412: 'PreconditionFailed' };

/**
 * Wraps a failure after the SDK's own retries, as `s3Error` does: a 5xx, throttling or no answer at all is `S3_UNAVAILABLE`; an answer that says no is `S3_FAILED`.
 * The codes are those of the port, which was first spoken to S3.
 */
export function cloudError(error: unknown, failure: CloudFailure, { what, signal, logIn }: CloudRequest): DrError {
  if (error instanceof DrError) return error;
  if (signal.aborted) return abortError(signal, what, 'S3_UNAVAILABLE');
  const { status, code, message, isWithoutCredentials } = failure;
  const isPassing = status === undefined || status >= 500 || status === 408 || status === 429;
  if (isWithoutCredentials || !isPassing) {
    return new DrError({
      code: 'S3_FAILED',
      message: `the object store refused to ${what}: ${code === '' ? '' : `${code}: `}${message.split('\n', 1)[0] ?? ''}`,
      details: { code: CODES[status ?? 0] ?? code, status: status ?? null },
      suggestions:
        isWithoutCredentials || status === 401 ? [logIn] : status === 403 ? ['check the credentials of the backup store and what they may read'] : [],
      cause: error,
    });
  }
  return new DrError({
    code: 'S3_UNAVAILABLE',
    message: `the object store does not answer to ${what}: ${status === undefined ? code || message : `${status} ${code}`}`,
    details: { code, status: status ?? null, attempts: null },
    suggestions: ['check the endpoint of the backup store, and that this machine can reach it'],
    retry: 'retryable',
    cause: error,
  });
}
