import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';

interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number; readonly requestId?: string };
}

/** Says whether the object or bucket key does not exist. HEAD answers have no body, so their error is only a status. */
export function isAbsent(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return name === 'NoSuchKey' || (name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404);
}

/** Wraps an SDK failure after its own retries. A 5xx, throttling or no answer at all is `S3_UNAVAILABLE`; an answer that says no is `S3_FAILED`. */
export function s3Error(error: unknown, { what, signal }: { readonly what: string; readonly signal: AbortSignal }): DrError {
  if (error instanceof DrError) return error;
  if (signal.aborted) return abortError(signal, what, 'S3_UNAVAILABLE');
  const { name = '', message = String(error), code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  const refused = status !== undefined && status < 500 && status !== 429;
  if (refused || isCredentialsError(name)) {
    return new DrError({
      code: 'S3_FAILED',
      message: `the object store refused to ${what}: ${message === name ? name : `${name}: ${message}`}`,
      details: { code: name, status: status ?? null },
      suggestions: suggestionsFor(name, status),
      cause: error,
    });
  }
  return new DrError({
    code: 'S3_UNAVAILABLE',
    message: `the object store does not answer to ${what}: ${status === undefined ? (code ?? message) : `${status} ${name}`}`,
    details: { code: code ?? name, status: status ?? null, attempts: $metadata?.attempts ?? null },
    suggestions: ['check the endpoint and region of the backup store, and that this machine can reach it'],
    retry: 'retryable',
    cause: error,
  });
}

/** The SDK found no usable credentials, so it asked nobody. */
function isCredentialsError(name: string): boolean {
  return name === 'CredentialsProviderError' || name === 'TokenProviderError';
}

function suggestionsFor(name: string, status: number | undefined): readonly string[] {
  if (isCredentialsError(name)) return ['set `profile` or `credentials` of the backup store, or log in with the AWS tools'];
  if (status === 403) return ['check the credentials of the backup store and what they may read'];
  return status === 301 || status === 400 ? ['check the region of the bucket'] : [];
}
