import type { Config } from '@oclif/core/interfaces';
import type { CompletionCommand, CompletionFlag } from './completion.ts';

/** What a flag's value is called in help when it is a path. */
const PATH_VALUES = new Set(['FILE', 'DIRECTORY', 'NAME|FILE']);

type CommandEntry = Config['commands'][number];

/** The commands of this program as completions need them, hidden ones left out. */
export function completionCommands(config: Pick<Config, 'commands'>): readonly CompletionCommand[] {
  return config.commands
    .filter((command) => !command.hidden)
    .map((command) => ({ words: command.id.split(':'), summary: command.summary ?? '', flags: Object.values(command.flags).map(flagOf) }))
    .sort((a, b) => (a.words.join(' ') < b.words.join(' ') ? -1 : 1));
}

function flagOf(flag: CommandEntry['flags'][string]): CompletionFlag {
  const options = 'options' in flag ? (flag.options ?? []) : [];
  const helpValue = 'helpValue' in flag ? flag.helpValue : undefined;
  return { name: flag.name, summary: flag.summary ?? flag.description ?? '', options, isPath: typeof helpValue === 'string' && PATH_VALUES.has(helpValue) };
}
