import type { Config } from '@oclif/core/interfaces';

type CommandEntry = Config['commands'][number];
type FlagEntry = CommandEntry['flags'][string];

/** Flags that every command has are described once. */
const GLOBAL_FLAGS = new Set(['json']);

/** Writes all commands with their flags and examples as Markdown. */
export function commandReference(config: Pick<Config, 'commands' | 'bin'>): string {
  const commands = [...config.commands].sort((a, b) => (a.id < b.id ? -1 : 1)).filter((command) => !command.hidden);
  const intro = 'Every command takes `--json` (its result as JSON on standard output; events of a run as JSON lines on standard error) and `--help`.\n\n';
  return intro + commands.map((command) => commandText(command, config.bin)).join('\n');
}

function commandText(command: CommandEntry, bin: string): string {
  const words = command.id.replaceAll(':', ' ');
  const args = Object.values(command.args).map((arg) => (arg.required === true ? arg.name.toUpperCase() : `[${arg.name.toUpperCase()}]`));
  const flags = Object.values(command.flags)
    .filter((flag) => !GLOBAL_FLAGS.has(flag.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const title = `### \`${[bin, words, ...args].join(' ')}\`\n`;
  const description = command.description === undefined ? '' : `\n${command.description}\n`;
  const argLines = Object.values(command.args).map((arg) => `- \`${arg.name.toUpperCase()}\`: ${arg.description ?? ''}\n`);
  const lines = [...argLines, ...flags.map(flagLine)];
  return `${title}\n${command.summary ?? ''}\n${description}${lines.length === 0 ? '' : `\n${lines.join('')}`}${exampleBlock(command, bin, words)}`;
}

function flagLine(flag: FlagEntry): string {
  const value = flag.type === 'boolean' ? '' : ` ${valueName(flag)}`;
  const notes = [
    flag.required === true ? 'required' : undefined,
    flag.type === 'option' && flag.options !== undefined ? `one of ${flag.options.join(', ')}` : undefined,
    flag.type === 'option' && typeof flag.default === 'string' ? `default ${flag.default}` : undefined,
    flag.env === undefined ? undefined : `\`${flag.env}\``,
  ].filter((note) => note !== undefined);
  return `- \`--${flag.name}${value}\`: ${flag.summary ?? ''}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}\n`;
}

function valueName(flag: FlagEntry): string {
  const named = 'helpValue' in flag ? flag.helpValue : undefined;
  return typeof named === 'string' ? named : 'VALUE';
}

function exampleBlock(command: CommandEntry, bin: string, words: string): string {
  const examples = (Array.isArray(command.examples) ? command.examples : []).map((example) => (typeof example === 'string' ? example : example.command));
  if (examples.length === 0) return '';
  const lines = examples.map((example) => example.replaceAll('<%= config.bin %>', bin).replaceAll('<%= command.id %>', words));
  return `\n\`\`\`sh\n${lines.join('\n')}\n\`\`\`\n`;
}
