import { asDrError, DrError } from '../errors/dr-error.ts';
import type { JsonObject } from '../model/json.ts';
import { errorJson, errorText } from '../report/error-text.ts';
import type { CommandContext } from './command-context.ts';
import { crashLine, keepCrash } from './crash-file.ts';
import { exitCodeOf } from './exit-code.ts';

/** How a command failed, ready to print. */
export interface Failure {
  readonly exitCode: number;
  readonly json: JsonObject;
  readonly text: string;
}

/** oclif marks its own errors about flags and arguments with this exit code. */
const OCLIF_USAGE = 2;

/** Lines that oclif puts around the faults it lists. */
const OCLIF_FRAME = /^(The following errors? occurred:|See more help with --help)$/;

/** Turns whatever was thrown into an error of ours, with a crash file for what nobody expected. */
export async function describeFailure(thrown: Error & { readonly oclif?: { readonly exit?: number } }, context: CommandContext): Promise<Failure> {
  const error = thrown.oclif?.exit === OCLIF_USAGE ? usageError(thrown, context) : asDrError(thrown);
  const crash = await keepCrash(error, context);
  return {
    exitCode: exitCodeOf(error),
    json: { ...errorJson(error, context.typeable.in), ...(crash === undefined ? {} : { crashFile: crash }) },
    text: `${context.typeable.in(errorText(error))}${crashLine(crash)}`,
  };
}

function usageError(thrown: Error, { words, commandLine }: CommandContext): DrError {
  const lines = thrown.message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !OCLIF_FRAME.test(line));
  const message = lines.map((line) => line.charAt(0).toLowerCase() + line.slice(1)).join('; ');
  return new DrError({ code: 'USAGE', message, suggestions: [commandLine(...words, '--help')] });
}
