import { shellLine } from '../model/shell-line.ts';
import type { CommandContext } from './command-context.ts';
import { exitCodeOf } from './exit-code.ts';
import { Interrupts } from './interrupts.ts';
import { programName } from './program-name.ts';
import { type KnownCommand, TypeableCommands } from './typeable-commands.ts';

export interface ContextOptions {
  readonly root: string;
  readonly version: string;
  readonly words: readonly string[];
  readonly userAgent: string;
  readonly json: boolean;
  /** Folder of the commands, which tells a clone from an installed package. */
  readonly commands: string;
  /** All commands of this program. */
  readonly known: readonly KnownCommand[];
}

/** Makes the context of a command from this process; starts listening to signals. */
export function createContext({ root, version, words, userAgent, json, commands, known }: ContextOptions): CommandContext {
  const running = new Set<string>();
  const name = programName({ root, cwd: process.cwd(), fromSource: commands.includes('src'), execPath: process.execPath });
  const commandLine = (...words: readonly string[]): string => `${name} ${shellLine(words)}`;
  const interrupts = new Interrupts({
    say: (text) => process.stderr.write(`${text}\n`),
    waitingFor: () => [...running],
    leave: (code) => process.exit(code),
  });
  return {
    words,
    userAgent,
    root,
    tool: version,
    json,
    env: process.env,
    interrupts,
    running,
    commandLine,
    typeable: new TypeableCommands(commandLine, known),
    print: (text) => {
      if (!json) process.stdout.write(text);
    },
    endWith: (error) => {
      process.exitCode = exitCodeOf(error);
    },
  };
}
