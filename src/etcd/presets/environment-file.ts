import { DrError } from '../../errors/dr-error.ts';
import type { NodeFile } from './preset.ts';

const ASSIGNMENT = /^(\s*)([A-Za-z_]\w*)=(.*?)(\r?)$/;

/**
 * Variables of an environment file as systemd reads it: a line each, comments by `#` or `;`, values plain or in quotes; the last of a repeated one counts
 * (systemd.exec(5), `EnvironmentFile`). Throws `INPUT_INVALID` for a value that goes on on the next line.
 */
export function readEnvironment(file: NodeFile): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of file.text.split('\n')) {
    const [, , name, value] = ASSIGNMENT.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, plain(value, name, file));
  }
  return values;
}

export interface VariableChanges {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** The file with its variables changed and every other byte as it was. One that is not there is added at the end. */
export function changeEnvironment(file: NodeFile, { set, remove }: VariableChanges): NodeFile {
  const present = readEnvironment(file);
  const lines = file.text.split('\n').flatMap((line) => {
    const [, indent, name = '', , end] = ASSIGNMENT.exec(line) ?? [];
    if (remove.includes(name)) return [];
    const value = set[name];
    return value === undefined ? [line] : [`${indent}${name}=${rendered(value)}${end}`];
  });
  const missing = Object.entries(set).flatMap(([name, value]) => (present.has(name) ? [] : [`${name}=${rendered(value)}`]));
  const isEnded = lines.at(-1) === '';
  const text = [...(isEnded ? lines.slice(0, -1) : lines), ...missing, ...(isEnded ? [''] : [])].join('\n');
  return { ...file, text };
}

function plain(value: string, name: string, { path }: NodeFile): string {
  const trimmed = value.trim();
  if (trimmed.endsWith('\\')) throw new DrError({ code: 'INPUT_INVALID', message: `${name} in ${path} goes on on the next line; write it on one` });
  const quote = trimmed[0];
  if ((quote === '"' || quote === "'") && trimmed.length > 1 && trimmed.endsWith(quote)) return trimmed.slice(1, -1);
  return trimmed;
}

function rendered(value: string): string {
  return /^[\w./:=,@%+-]*$/.test(value) ? value : `"${value.replaceAll(/(["\\$`])/g, String.raw`\$1`)}"`;
}
