import { ERROR_CODES, type ErrorCode } from '../errors/codes.ts';
import { DrError } from '../errors/dr-error.ts';
import type { RecordedError } from './journal-entries.ts';

/** An error in the form the journal keeps: without stack and cause, which may hold anything. */
export function recordError(error: DrError): RecordedError {
  return { code: error.code, message: error.message, details: error.details, suggestions: [...error.suggestions] };
}

const restored = new WeakSet<DrError>();

/** A journalled error as an error again. A code that this version does not know becomes `STEP_FAILED`, with the code in the message. */
export function restoreError({ code, message, details, suggestions }: RecordedError): DrError {
  const error = Object.hasOwn(ERROR_CODES, code)
    ? new DrError({ code: code as ErrorCode, message, details, suggestions })
    : new DrError({ code: 'STEP_FAILED', message: `${code}: ${message}`, details, suggestions });
  restored.add(error);
  return error;
}

/** Whether an error comes from a journal: its stack says where it was read, and who met it has told all that is known. */
export function isRestored(error: DrError): boolean {
  return restored.has(error);
}
