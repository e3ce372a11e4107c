import { resolve } from 'node:path';
import { defaultLabDirectory } from '../lab/layout.ts';
import type { LabOperation } from '../lab/progress.ts';
import type { CommandContext } from './command-context.ts';
import { createLabProgress } from './lab-progress.ts';

/** Name of the lab that commands without `--dir` mean. */
const DEFAULT_LAB = 'default';

/** What every operation on a lab takes, from the flags of a command; commands suggested from now on lead to the same lab. */
export function labOperation(context: CommandContext, flags: { readonly dir?: string | undefined }): LabOperation {
  if (flags.dir !== undefined) context.typeable.labFlags = ['--dir', resolve(flags.dir)];
  const write = (text: string): void => {
    process.stderr.write(text);
  };
  return {
    directory: flags.dir === undefined ? defaultLabDirectory(DEFAULT_LAB, process.env) : resolve(flags.dir),
    signal: context.interrupts.signal,
    onProgress: createLabProgress({ json: context.json, write, now: () => performance.now() }),
  };
}
