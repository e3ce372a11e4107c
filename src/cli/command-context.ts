import type { DrError } from '../errors/dr-error.ts';
import type { Interrupts } from './interrupts.ts';
import type { TypeableCommands } from './typeable-commands.ts';

/** What a command gives to what works for it: where it was started, how to talk, how to end. */
export interface CommandContext {
  /** The words that call the command: `lab`, `up`. */
  readonly words: readonly string[];
  /** Program, version, system and Node, for a crash file. */
  readonly userAgent: string;
  /** Folder of the package. */
  readonly root: string;
  /** Version of the tool, for the record. */
  readonly tool: string;
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly interrupts: Interrupts;
  /** Steps that run now, kept up to date for those who ask why the end takes so long. */
  readonly running: Set<string>;
  /** A command line of this program that can be pasted. */
  readonly commandLine: (...words: readonly string[]) => string;
  /** Suggested commands, written out. */
  readonly typeable: TypeableCommands;
  /** Prints a result for people on standard output; nothing under `--json`. */
  readonly print: (text: string) => void;
  /** Ends the process with the code of this error, once the command has returned. */
  readonly endWith: (error: DrError) => void;
}
