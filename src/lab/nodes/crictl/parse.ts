/** A command line of crictl. */
export interface CrictlCommand {
  readonly verb: string;
  readonly words: readonly string[];
  /** Single-letter and long flags without a value, by long name. */
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** Flags that take a value (crictl 1.3x); all others are switches. */
const WITH_VALUE = [
  '--label',
  '--name',
  '--state',
  '--timeout',
  '--output',
  '--runtime-endpoint',
  '--image-endpoint',
  '--config',
  '--tail',
  '--pod',
  '--image',
];
const SHORT: Readonly<Record<string, string>> = {
  '-q': '--quiet',
  '-a': '--all',
  '-o': '--output',
  '-t': '--timeout',
  '-r': '--runtime-endpoint',
  '-f': '--force',
  '-p': '--pod',
  '-s': '--state',
};

/** Takes flags before the verb and after it; everything after the container of `exec` belongs to the command that is run. */
export function parseCrictl(words: readonly string[]): CrictlCommand {
  const plain: string[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string[]>();
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (!word.startsWith('-') || (plain[0] === 'exec' && plain.length > 1)) {
      plain.push(word);
      continue;
    }
    const [given = '', inline] = word.split(/=(.*)/s);
    const name = SHORT[given] ?? given;
    if (!WITH_VALUE.includes(name)) flags.add(name);
    else {
      if (inline === undefined) index += 1;
      values.set(name, [...(values.get(name) ?? []), inline ?? words[index] ?? '']);
    }
  }
  const [verb = 'help', ...rest] = plain;
  return { verb, words: rest, flags, values };
}
