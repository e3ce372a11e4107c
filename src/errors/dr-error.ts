import type { JsonObject } from '../model/json.ts';
import { jsonWithoutSecrets, withoutSecrets } from '../model/secret.ts';
import { ERROR_CODES, type ErrorCode, type ErrorKind } from './codes.ts';

/** How a failed call may be tried again: never; yes; or yes, not before `afterMs`. */
export type RetryClass = 'never' | 'retryable' | { readonly afterMs: number };

export interface DrErrorOptions {
  readonly code: ErrorCode;
  /** Lower case, no full stop: the wrong value, where it came from, what is wrong with it. */
  readonly message: string;
  /** What to do about it, one action each: words and commands of ours alone, never those of a library, a program or a server. */
  readonly suggestions?: readonly string[];
  readonly details?: JsonObject;
  readonly retry?: RetryClass;
  readonly cause?: unknown;
}

/**
 * The one error type. Matched by `code`, never by text; the kind (and so the exit code) follows from the code by the registry. Secrets that are known are cut
 * out of message and details, because these may hold a library's words, a program's or a server's. Suggestions stay as they are: they are to be typed.
 */
export class DrError extends Error {
  override readonly name = 'DrError';
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly retry: RetryClass;
  readonly details: JsonObject;
  readonly suggestions: readonly string[];

  constructor(options: DrErrorOptions) {
    super(withoutSecrets(options.message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.kind = ERROR_CODES[options.code].kind;
    this.retry = options.retry ?? 'never';
    this.details = jsonWithoutSecrets(options.details ?? {});
    this.suggestions = options.suggestions ?? [];
  }
}

/** Says whether a value is a `DrError`, optionally with one of the given codes. */
export function isDrError(value: unknown, ...codes: readonly ErrorCode[]): value is DrError {
  return value instanceof DrError && (codes.length === 0 || codes.includes(value.code));
}

/** Anything thrown, as a `DrError`: itself, or `BUG` around what nobody expected. */
export function asDrError(value: unknown): DrError {
  if (value instanceof DrError) return value;
  const message = value instanceof Error ? value.message : String(value);
  return new DrError({ code: 'BUG', message: `unexpected failure: ${message}`, cause: value, suggestions: ['report this with the crash file'] });
}
