import type { RunResult, StepResult } from '../engine/run-options.ts';
import type { JsonObject } from '../model/json.ts';
import { errorJson } from './error-text.ts';

/** The result of a run as `--json` prints it. */
export function runResultJson(result: RunResult, commands: { readonly resume: string; readonly report: string }): JsonObject {
  const { error, steps, holds, ...rest } = result;
  return {
    ...rest,
    ...(error === undefined ? {} : { error: errorJson(error) }),
    steps: steps.map(stepJson),
    holds: holds.map((hold) => ({ ...hold })),
    commands,
  };
}

function stepJson({ error, ...rest }: StepResult): JsonObject {
  return { ...rest, ...(error === undefined ? {} : { error: errorJson(error) }) };
}
