import { asDrError, DrError } from '../errors/dr-error.ts';
import type { JsonObject } from '../model/json.ts';
import { errorJson, errorText } from '../report/error-text.ts';
import type { CommandContext } from './command-context.ts';
import { writeCrashFile } from './crash-file.ts';
import { exitCodeOf } from './exit-code.ts';
import { stateHome } from './state-store.ts';

/** How a command failed, ready to print. */
export interface Failure {
  readonly exitCode: number;
  readonly json: JsonObject;
  readonly text: string;
}

export interface FailedCommand {
  /** The words that call the command: `lab`, `up`. */
  readonly words: readonly string[];
  readonly userAgent: string;
  readonly context: CommandContext;
}

/** oclif marks its own errors about flags and arguments with this exit code. */
const OCLIF_USAGE = 2;

/** Lines that oclif puts around the faults it lists. */
const OCLIF_FRAME = /^(The following errors? occurred:|See more help with --help)$/;

/** Turns whatever was thrown into an error of ours, with a crash file for what nobody expected. */
export async function describeFailure(thrown: Error & { readonly oclif?: { readonly exit?: number } }, command: FailedCommand): Promise<Failure> {
  const error = thrown.oclif?.exit === OCLIF_USAGE ? usageError(thrown, command) : asDrError(thrown);
  const crash = error.kind === 'bug' ? await crashFile(error, command) : undefined;
  return {
    exitCode: exitCodeOf(error),
    json: { ...errorJson(error, command.context.typeable.in), ...(crash === undefined ? {} : { crashFile: crash }) },
    text: `${command.context.typeable.in(errorText(error))}${crash === undefined ? '' : `  crash file: ${crash}\n`}`,
  };
}

function usageError(thrown: Error, { words, context }: FailedCommand): DrError {
  const lines = thrown.message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !OCLIF_FRAME.test(line));
  const message = lines.map((line) => line.charAt(0).toLowerCase() + line.slice(1)).join('; ');
  return new DrError({ code: 'USAGE', message, suggestions: [context.commandLine(...words, '--help')] });
}

async function crashFile(error: DrError, { words, userAgent, context }: FailedCommand): Promise<string | undefined> {
  return await writeCrashFile(error, { folder: stateHome(context.env), at: new Date(), head: `${userAgent}\ncommand: ${words.join(' ')}` });
}
