import { DrError, isDrError } from '../errors/dr-error.ts';
import { type Digest, digestOf } from '../model/digest.ts';
import type { ProcessCommand } from '../ports/processes.ts';
import type { StepPorts } from './ports.ts';

/** The last line of what a program of the plan prints is kept, at most this much: it may print anything, credentials too. */
const KEPT_CHARS = 200;

/** A program that the plan names, and the plan's name for it. */
export interface PlanProgram extends Omit<ProcessCommand, 'file' | 'args'> {
  /** Such as `fence.command`. */
  readonly path: string;
  readonly command: readonly string[];
}

export interface ProgramEnd {
  /** All it printed on standard output: not for the journal. */
  readonly stdout: string;
  /** The last line of it. */
  readonly said: string;
  readonly digest: Digest;
}

/**
 * Runs a program of the plan to its end. Its output stays here but for the last line, of a failed one too: errors go into journal, evidence and report. Throws
 * `PROCESS_NOT_FOUND`, `PROCESS_FAILED` or `CANCELLED`.
 */
export async function runPlanProgram({ path, command, ...options }: PlanProgram, ports: Pick<StepPorts, 'processes'>): Promise<ProgramEnd> {
  const [file = '', ...args] = command;
  try {
    const { stdout } = await ports.processes.run({ file, args, ...options });
    return { stdout, said: lastLine(stdout), digest: digestOf(stdout) };
  } catch (error) {
    throw isDrError(error, 'PROCESS_FAILED') ? withoutOutput(error, { path, file }) : error;
  }
}

function lastLine(output: string): string {
  return (output.trimEnd().split('\n').at(-1) ?? '').slice(-KEPT_CHARS);
}

function withoutOutput({ code, details }: DrError, { path, file }: { readonly path: string; readonly file: string }): DrError {
  const { exitCode = null, signal = null } = details;
  const output = String(details['output'] ?? '');
  const how = exitCode === null ? `was ended (${String(signal ?? 'its time was over')})` : `exited ${String(exitCode)}`;
  return new DrError({
    code,
    message: `'${file}' (${path}) ${how}${output === '' ? ' without output' : `; its last line: ${lastLine(output)}`}`,
    details: { file, exitCode, signal, digest: digestOf(output) },
    suggestions: ['run the same command by hand to see more'],
  });
}
