import { type Document, isMap, isPair, isScalar, isSeq, type Pair, parseAllDocuments, type YAMLMap } from 'yaml';
import type { JsonValue } from '../../model/json.ts';
import { kubectlYamlLine } from '../../model/kubectl-yaml.ts';
import { itemIndex } from '../integrity/field-path.ts';
import type { ManifestObject } from '../manifest.ts';
import type { Edit, FieldPath } from './edit.ts';
import { unifiedDiff } from './line-diff.ts';

/** A patch of one file, and what could not be written into it. */
export interface EditPatch {
  /** Unified diff, for `git apply` and `patch -p1`; empty when nothing could be changed. */
  readonly diff: string;
  /** Objects that must be changed by hand (inside a List, or in a document the patch writer cannot read), by key. */
  readonly byHand: readonly string[];
}

/** An object as it is written, and what is to be written instead. */
export interface EditedObject {
  readonly manifest: ManifestObject;
  readonly edits: readonly Edit[];
}

/**
 * Writes edits of a file's objects as a patch of its text: only the lines concerned change, comments and layout stay. `edited` are the objects of this file;
 * an item of a list is named on a path by `[name=main]` or `[0]`.
 */
export function editPatch(file: { readonly path: string; readonly text: string }, edited: readonly EditedObject[]): EditPatch {
  const documents = [...parseAllDocuments(file.text, { uniqueKeys: false })];
  const splices: Splice[] = [];
  const byHand: string[] = [];
  for (const item of edited) {
    const document = documentAt(documents, file.text, item.manifest.source.line);
    const planned = document === undefined || item.manifest.source.item !== undefined ? undefined : plan(document, file.text, item.edits);
    if (planned === undefined) byHand.push(item.manifest.key);
    else splices.push(...planned);
  }
  return { diff: unifiedDiff(file.path, file.text, spliceAll(file.text, splices)), byHand };
}

/** Text to put in place of a range of the source. */
interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function spliceAll(text: string, splices: readonly Splice[]): string {
  const ordered = splices.toSorted((a, b) => b.start - a.start || b.end - a.end);
  return ordered.reduce((result, splice) => `${result.slice(0, splice.start)}${splice.text}${result.slice(splice.end)}`, text);
}

/** The document whose first node is on a line, 1 and up. */
function documentAt(documents: readonly Document.Parsed[], text: string, line: number): Document.Parsed | undefined {
  return documents.find((document) => document.contents?.range !== undefined && lineOf(text, document.contents.range?.[0] ?? 0) === line);
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

function plan(document: Document.Parsed, text: string, edits: readonly Edit[]): readonly Splice[] | undefined {
  const splices: Splice[] = [];
  for (const edit of edits) {
    const splice = spliceFor(document, text, edit);
    if (splice === undefined) return undefined;
    splices.push(splice);
  }
  return splices;
}

function spliceFor(document: Document.Parsed, text: string, edit: Edit): Splice | undefined {
  const { map, pair, rest } = locate(document, edit.path);
  if (map === undefined || map.flow === true) return undefined;
  if (pair === undefined) return edit.to === undefined ? undefined : insertion(map, text, { path: rest, value: edit.to });
  if (edit.to === undefined) return map.items.length === 1 && edit.path.length > 1 ? emptied(pair, text) : removal(pair, text);
  const written = isScalar(pair.value) && pair.value.range ? text.slice(pair.value.range[0], pair.value.range[1]) : '';
  if (isScalar(pair.value) && pair.value.range && written !== '' && !written.includes('\n')) {
    return { start: pair.value.range[0], end: pair.value.range[1], text: kubectlYamlLine(edit.to) };
  }
  // A map, a list, a text of several lines or no value at all is replaced with its key, as one flow value: its lines end where the pair ends.
  const lines = removal(pair, text);
  return { ...lines, start: startOf(pair), text: `${keyText(pair, text)}: ${kubectlYamlLine(edit.to)}\n` };
}

interface Located {
  /** The deepest block map on the path. */
  readonly map: YAMLMap | undefined;
  /** The pair at the end of the path, when it exists. */
  readonly pair: Pair | undefined;
  /** Keys of the path below `map`. */
  readonly rest: FieldPath;
}

function locate(document: Document.Parsed, path: FieldPath): Located {
  let map: unknown = document.contents;
  for (const [index, key] of path.entries()) {
    if (isSeq(map)) {
      map = map.items[itemIndex(map.toJSON(), key)];
      continue;
    }
    if (!isMap(map)) return { map: undefined, pair: undefined, rest: path };
    const pair = map.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined || index === path.length - 1) return { map, pair, rest: path.slice(index) };
    map = pair.value;
  }
  return { map: undefined, pair: undefined, rest: path };
}

/** A new last line of a map, or lines for missing parents as one flow value. */
function insertion(map: YAMLMap, text: string, add: { readonly path: FieldPath; readonly value: JsonValue }): Splice | undefined {
  const last = map.items.at(-1);
  const first = map.items[0];
  if (first === undefined || last === undefined) return undefined;
  const column = startOf(first) - (text.lastIndexOf('\n', startOf(first)) + 1);
  const [key = '', ...below] = add.path;
  if (below.some((part) => part.startsWith('['))) return undefined;
  const value = below.reduceRight<JsonValue>((inner, name) => ({ [name]: inner }), add.value);
  const at = endOfLine(text, endOf(last, text));
  const line = `${' '.repeat(column)}${kubectlYamlLine(key)}: ${kubectlYamlLine(value)}`;
  return text.charAt(at - 1) === '\n' || at === 0 ? { start: at, end: at, text: `${line}\n` } : { start: at, end: at, text: `\n${line}` };
}

function removal(pair: Pair, text: string): Splice {
  const start = text.lastIndexOf('\n', startOf(pair)) + 1;
  return { start, end: endOfLine(text, endOf(pair, text)), text: '' };
}

/** The last key of a map goes: what stays is an empty map, and not a null. */
function emptied(pair: Pair, text: string): Splice {
  return { start: startOf(pair), end: endOf(pair, text), text: '{}' };
}

function startOf(pair: Pair): number {
  return isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
}

/** The key as it is written, quotes and all. */
function keyText(pair: Pair, text: string): string {
  return isScalar(pair.key) && pair.key.range ? text.slice(pair.key.range[0], pair.key.range[1]) : '';
}

/** End of what a pair says, without the blank lines and comments after it. */
function endOf(pair: Pair, text: string): number {
  const node = pair.value as { readonly range?: readonly [number, number, number] | null } | null;
  const end = node?.range?.[1] ?? (isScalar(pair.key) ? (pair.key.range?.[1] ?? 0) : 0);
  return text.slice(0, end).trimEnd().length;
}

/** Offset after the newline that ends the line of `offset`, or the end of the text. */
function endOfLine(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset);
  return newline === -1 ? text.length : newline + 1;
}
