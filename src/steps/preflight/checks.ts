import type { ReadContext } from '../../engine/step.ts';
import type { ErrorCode } from '../../errors/codes.ts';
import { asDrError, DrError } from '../../errors/dr-error.ts';
import type { StepPorts } from '../ports.ts';
import type { PreflightWith } from './schema.ts';

export type PreflightCtx = ReadContext<PreflightWith, StepPorts>;

/** One thing preflight looked at. */
export interface CheckResult {
  readonly name: string;
  /** What was found, for people. */
  readonly detail: string;
  /** Present when the answer is no. */
  readonly failed?: { readonly code: ErrorCode; readonly suggestions: readonly string[] };
}

/** Runs one check; whatever it throws is its answer. */
export async function check(name: string, work: () => Promise<string>): Promise<CheckResult> {
  try {
    return { name, detail: await work() };
  } catch (error) {
    const failure = asDrError(error);
    if (failure.code === 'BUG' || failure.code === 'CANCELLED') throw failure;
    return { name, detail: failure.message, failed: { code: failure.code, suggestions: failure.suggestions } };
  }
}

/** The answer of a check that says no. */
export function refuse(code: ErrorCode, message: string, ...suggestions: readonly string[]): never {
  throw new DrError({ code, message, suggestions });
}
