import { ERROR_CODES, type ErrorCode } from '../errors/codes.ts';
import { DrError } from '../errors/dr-error.ts';
import type { RecordedError } from './journal-entries.ts';

/** An error in the form the journal keeps: without stack and cause, which may hold anything. */
export function recordError(error: DrError): RecordedError {
  return { code: error.code, message: error.message, details: error.details, suggestions: [...error.suggestions] };
}

/** A journalled error as an error again. A code that this version does not know becomes `STEP_FAILED`, with the code in the message. */
export function restoreError({ code, message, details, suggestions }: RecordedError): DrError {
  if (Object.hasOwn(ERROR_CODES, code)) return new DrError({ code: code as ErrorCode, message, details, suggestions });
  return new DrError({ code: 'STEP_FAILED', message: `${code}: ${message}`, details, suggestions });
}
