import { shellLine } from '../model/shell-line.ts';

/** Shells that completions are written for. */
export const COMPLETION_SHELLS = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof COMPLETION_SHELLS)[number];

/** A command as completions need it. */
export interface CompletionCommand {
  /** `lab`, `up`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
}

export interface CompletionFlag {
  readonly name: string;
  readonly summary: string;
  /** Values it takes, when they are few and known. */
  readonly options: readonly string[];
  /** Takes the path of a file or folder. */
  readonly isPath: boolean;
}

/** Writes a script that, sourced by a shell, completes commands, flags and known values. */
export function completionScript(shell: CompletionShell, program: string, commands: readonly CompletionCommand[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(program, commands);
    case 'zsh':
      // zsh reads completions of bash, so that there is one script to keep right.
      return `autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(program, commands)}`;
    case 'fish':
      return fishScript(program, commands);
  }
}

function bashScript(program: string, commands: readonly CompletionCommand[]): string {
  const name = `_${program.replace(/\W/g, '_')}`;
  const longestFirst = [...commands].sort((a, b) => b.words.length - a.words.length);
  const cases = longestFirst.map(({ words, flags }) => `    '${words.join(' ')}'*) choices=${shellLine([flags.map((flag) => `--${flag.name}`).join(' ')])} ;;`);
  const topics = topicsOf(commands).map((topic) => `    '${topic}'*) choices=${shellLine([nextWords(commands, [topic]).join(' ')])} ;;`);
  const values = flagsOf(commands).flatMap(valueCase);
  return `${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" word choices
  local words=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -* ]] || words+=("$word"); done
  case "$previous" in
${values.join('\n')}
  esac
  case "\${words[*]}" in
${[...cases, ...topics].join('\n')}
    *) choices=${shellLine([nextWords(commands, []).join(' ')])} ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
}
complete -o default -F ${name} ${program}
`;
}

function valueCase({ name, options, isPath }: CompletionFlag): readonly string[] {
  if (isPath) return [`    --${name}) COMPREPLY=($(compgen -f -- "$current")); return ;;`];
  if (options.length === 0) return [];
  return [`    --${name}) COMPREPLY=($(compgen -W ${shellLine([options.join(' ')])} -- "$current")); return ;;`];
}

function fishScript(program: string, commands: readonly CompletionCommand[]): string {
  const first = nextWords(commands, []).map((word) => ['complete', '-c', program, '-f', '-n', '__fish_use_subcommand', '-a', word]);
  const second = topicsOf(commands).flatMap((topic) =>
    nextWords(commands, [topic]).map((word) => ['complete', '-c', program, '-f', '-n', `__fish_seen_subcommand_from ${topic}`, '-a', word]),
  );
  const flags = commands.flatMap(({ words, flags: own }) =>
    own.map(({ name, summary, options, isPath }) => {
      const value = options.length > 0 ? ['-x', '-a', options.join(' ')] : isPath ? ['-r', '-F'] : [];
      const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
      return ['complete', '-c', program, '-n', seen, '-l', name, '-d', summary, ...value];
    }),
  );
  return [...first, ...second, ...flags].map((words) => `${shellLine(words)}\n`).join('');
}

function topicsOf(commands: readonly CompletionCommand[]): readonly string[] {
  return unique(commands.flatMap(({ words: [topic, ...rest] }) => (topic === undefined || rest.length === 0 ? [] : [topic])));
}

/** Words that may follow the given ones. */
function nextWords(commands: readonly CompletionCommand[], before: readonly string[]): readonly string[] {
  const following = commands.filter(({ words }) => before.every((word, index) => words[index] === word));
  return unique(following.flatMap(({ words }) => words[before.length] ?? []));
}

/** Flags that take a known value, each once: a flag means the same on every command. */
function flagsOf(commands: readonly CompletionCommand[]): readonly CompletionFlag[] {
  return [...new Map(commands.flatMap(({ flags }) => flags.map((flag) => [flag.name, flag]))).values()];
}

function unique(words: readonly string[]): readonly string[] {
  return [...new Set(words)];
}
