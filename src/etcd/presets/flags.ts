import type { NodeFile } from './preset.ts';
import { type CommandItem, commandItems } from './static-pod.ts';

/**
 * Flags of a Go program's command line by name, without dashes: `--a=b`, `-a=b`, `--a b`, and `--a` alone as `true`. The last of a repeated one counts, as
 * it does for the program.
 */
export function readFlags(command: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>();
  for (let at = 1; at < command.length; at += 1) {
    const flag = flagOf(command[at] ?? '');
    if (flag === undefined) continue;
    const next = command[at + 1];
    const isApart = flag.value === undefined && next !== undefined && !next.startsWith('-');
    flags.set(flag.name, flag.value ?? (isApart ? next : 'true'));
    if (isApart) at += 1;
  }
  return flags;
}

export interface FlagChanges {
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

/** The manifest with its flags changed and every other byte as it was. A flag that is not there is added after the last argument. */
export function changeFlags(file: NodeFile, changes: FlagChanges): NodeFile {
  const items = commandItems(file);
  const edits = items.flatMap((item, at) => editsOf({ item, next: items[at + 1], text: file.text }, changes));
  const present = new Set(items.flatMap(({ value }) => flagOf(value)?.name ?? []));
  const missing = Object.entries(changes.set).filter(([name]) => !present.has(name));
  const last = items.at(-1);
  if (last !== undefined && missing.length > 0) edits.push(addition(last, { text: file.text, flags: missing }));
  // From the end, so that the places of earlier ones stay right; an addition comes behind a change of the same place.
  const text = edits.sort((a, b) => b.from - a.from || b.to - a.to).reduce((whole, { from, to, by }) => whole.slice(0, from) + by + whole.slice(to), file.text);
  return { ...file, text };
}

interface Edit {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

interface Place {
  readonly item: CommandItem;
  readonly next: CommandItem | undefined;
  readonly text: string;
}

function editsOf({ item, next, text }: Place, { set, remove }: FlagChanges): readonly Edit[] {
  const flag = flagOf(item.value);
  if (flag === undefined) return [];
  const isApart = flag.value === undefined && next !== undefined && !next.value.startsWith('-');
  const value = set[flag.name];
  if (value !== undefined) {
    const changed = isApart ? next : item;
    const [from, to] = rangeOf(changed);
    return [{ from, to, by: rendered(isApart ? value : `--${flag.name}=${value}`, changed) }];
  }
  if (!remove.includes(flag.name)) return [];
  return (isApart ? [item, next] : [item]).map((gone) => ({ ...wholeItem(gone, text), by: '' }));
}

/** An item with what makes it one: its line of a block, or its comma in `[a, b]`. */
function wholeItem(item: CommandItem, text: string): { readonly from: number; readonly to: number } {
  const [from, to] = rangeOf(item);
  if (item.sequence.flow !== true) {
    const end = text.indexOf('\n', to);
    return { from: text.lastIndexOf('\n', from) + 1, to: end === -1 ? text.length : end + 1 };
  }
  const before = text.slice(0, from).match(/,\s*$/);
  return { from: from - (before?.[0].length ?? 0), to };
}

function addition(last: CommandItem, { text, flags }: { readonly text: string; readonly flags: readonly (readonly [string, string])[] }): Edit {
  const [start, end] = rangeOf(last);
  const words = flags.map(([name, value]) => rendered(`--${name}=${value}`, last));
  if (last.sequence.flow === true) return { from: end, to: end, by: words.map((word) => `, ${word}`).join('') };
  const lineEnd = text.indexOf('\n', end);
  const at = lineEnd === -1 ? text.length : lineEnd;
  const newline = text[at - 1] === '\r' ? '\r\n' : '\n';
  // What stands before the first letter of the last item: its indentation and its dash, also where the dash follows the key of a map in a list.
  const lead = text.slice(text.lastIndexOf('\n', start) + 1, start).replaceAll(/[^\s-]/g, ' ');
  const place = text[at - 1] === '\r' ? at - 1 : at;
  return { from: place, to: place, by: words.map((word) => `${newline}${lead}${word}`).join('') };
}

function rangeOf({ node }: CommandItem): readonly [number, number] {
  const [from, to] = node.range ?? [0, 0];
  return [from, to];
}

/** As plain text where that means the same, as kubeadm writes it; else in the quotes that JSON and YAML share. */
function rendered(word: string, { node, sequence }: CommandItem): string {
  const isPlain = sequence.flow !== true && node.type === 'PLAIN' && /^[\w./=,@%+-][\w./:=,@%+-]*$/.test(word) && !word.endsWith(':');
  return isPlain ? word : JSON.stringify(word);
}

function flagOf(word: string): { readonly name: string; readonly value: string | undefined } | undefined {
  const { name, value } = /^--?(?<name>[a-z][\w.-]*)(?:=(?<value>[\s\S]*))?$/.exec(word)?.groups ?? {};
  return name === undefined ? undefined : { name, value };
}
