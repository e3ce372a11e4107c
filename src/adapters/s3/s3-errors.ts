import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';

/** What to do about a server without the one promise that run state stands on. */
export const CONDITIONAL_WRITES =
  'keep run state where writes with If-None-Match are honoured, as by AWS S3, MinIO and versitygw, or in a folder (spec.state.folder)';

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

/** Refusals by name that another try may well not meet: throttling, a body that came too slowly, a clock that the SDK has set right since. */
const PASSING = new Set(['RequestTimeout', 'RequestTimeTooSkewed', 'SlowDown', 'ThrottlingException', 'TooManyRequestsException']);

/** Says whether the server gave an answer that will not change (501, "not implemented", among them), or the SDK had no credentials to ask with. */
function isRefusal(error: unknown): boolean {
  const { name = '', $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return isCredentialsError(name);
  return (status < 500 || status === 501) && status !== 408 && status !== 429 && !PASSING.has(name);
}

/** Wraps an SDK failure after its own retries. A 5xx, throttling or no answer at all is `S3_UNAVAILABLE`; an answer that says no is `S3_FAILED`. */
export function s3Error(error: unknown, { what, signal }: { readonly what: string; readonly signal: AbortSignal }): DrError {
  if (error instanceof DrError) return error;
  if (signal.aborted) return abortError(signal, what, 'S3_UNAVAILABLE');
  const { name = '', message = String(error), code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  if (isNotTrusted(error)) return notTrusted(error, what);
  if (isRefusal(error)) {
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

/** Failures of TLS that no other try mends (Node `tls.md`, X509 certificate error codes). */
const NOT_TRUSTED = /^(UNABLE_TO_(GET_ISSUER|VERIFY|DECODE)|SELF_SIGNED|DEPTH_ZERO|CERT_|INVALID_CA|ERR_TLS_CERT_ALTNAME)/;

function isNotTrusted(error: unknown): boolean {
  return NOT_TRUSTED.test((error as SdkError).code ?? '');
}

function notTrusted(error: unknown, what: string): DrError {
  const { code = '', message = code } = error as SdkError;
  return new DrError({
    code: 'S3_FAILED',
    message: `the object store is not trusted to ${what}: ${message}`,
    details: { code, status: null },
    suggestions: ['name the authority that signed its certificate in `ca` of the store, and the endpoint by a name that is in the certificate'],
    cause: error,
  });
}

/** Says whether a write that must not replace anything was refused for that: the key is taken (412), or another write of it is under way (409). */
export function isConditionRefused(error: unknown): boolean {
  const status = (error as SdkError).$metadata?.httpStatusCode;
  return status === 412 || status === 409;
}

export interface StoreRequest {
  /** What was asked, as it reads after "to": `write runs/a/run.json`. */
  readonly what: string;
  /** `s3://bucket/prefix`. */
  readonly location: string;
  readonly bucket: string;
  readonly endpoint: string | undefined;
}

/** Wraps the failure of one request for run state: `STORE_FAILED` for what will not change, `STORE_UNAVAILABLE` for what another try may well not meet. */
export function storeError(error: unknown, { what, location, bucket, endpoint }: StoreRequest): DrError {
  const { name = '', $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode ?? null;
  const failure = failureText(error);
  const where = endpoint === undefined ? location : `${location} at ${endpoint}`;
  const details = { location, bucket, endpoint: endpoint ?? null, code: name, status };
  if (isNotTrusted(error) || isRefusal(error) || !(status !== null || isSilence(error))) {
    return new DrError({
      code: 'STORE_FAILED',
      message: `the state store ${where} ${status === null ? 'cannot be asked to' : 'refused to'} ${what}: ${failure}`,
      details,
      suggestions: stateSuggestions(name, status),
      cause: error,
    });
  }
  return new DrError({
    code: 'STORE_UNAVAILABLE',
    message: `the state store ${where} does not answer to ${what}: ${failure}`,
    details,
    suggestions: ['check spec.state.s3 of the plan, and that this machine can reach the store', 'when it is back, resume the run'],
    retry: 'retryable',
    cause: error,
  });
}

/** Whether nobody answered: the failure has a system's code, or is a time limit. Anything else without a status is our own mistake, such as a missing region. */
function isSilence(error: unknown): boolean {
  const { name = '', code } = error as SdkError;
  return typeof code === 'string' || name === 'TimeoutError' || name === 'AbortError';
}

/** One line: status, name and what else is known. Replies that are no S3 errors, of a proxy for one, have neither a name nor a message worth showing. */
function failureText(error: unknown): string {
  const { name = '', message = String(error), code, $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return typeof code === 'string' ? code : name === 'TimeoutError' ? 'no answer in time' : message;
  if (name === 'Unknown' || name === 'Error') return `status ${status}`;
  return message === name ? `${status} ${name}` : `${status} ${name}: ${message.split('\n', 1)[0] ?? ''}`;
}

function stateSuggestions(name: string, status: number | null): readonly string[] {
  if (isCredentialsError(name)) return ['set profile or credentials in spec.state.s3 of the plan, or log in with the AWS tools'];
  if (name === 'NoSuchBucket') return ['make the bucket that spec.state.s3 of the plan names, or correct the name'];
  if (status === 403) return ['check the credentials of spec.state.s3: they need s3:GetObject, s3:PutObject and s3:ListBucket on the bucket'];
  if (status === 501) return [CONDITIONAL_WRITES];
  return status === 301 || status === 400 || status === null ? ['check the region of the bucket in spec.state.s3 of the plan'] : [];
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
