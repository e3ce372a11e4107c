import type { JsonValue } from '../../model/json.ts';

/** One value of a JSON stream. */
export interface JsonItem {
  readonly value: JsonValue;
  readonly offset: number;
  /** Offsets of whole numbers that a JavaScript number cannot hold exactly. */
  readonly inexact: readonly number[];
}

const LONG_NUMBER = /(?<![\w.+-])-?\d{16,20}(?![\w.])/g;

/**
 * Reads a JSON document or several written one after another, as `kubectl get -o json` and Go's decoder give and take them. `undefined` when it is not that;
 * it may still be YAML that starts with a brace, and kubectl then reads it so.
 */
export function parseJsonStream(text: string): readonly JsonItem[] | undefined {
  const items: JsonItem[] = [];
  for (let at = skipBlank(text, 0); at < text.length; ) {
    const end = endOfObject(text, at);
    if (end === undefined) return undefined;
    const value = tryParse(text.slice(at, end));
    if (value === undefined) return undefined;
    items.push({ value, offset: at, inexact: inexactNumbers(text, at, end) });
    at = skipBlank(text, end);
  }
  return items;
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length && /\s/.test(text.charAt(at))) at += 1;
  return at;
}

/** Offset after the brace that closes the object at `from`. */
function endOfObject(text: string, from: number): number | undefined {
  if (text.charAt(from) !== '{') return undefined;
  const tokens = /"(?:[^"\\]|\\.)*"|[{}]/gs;
  tokens.lastIndex = from;
  let depth = 0;
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    if (match[0] === '{') depth += 1;
    else if (match[0] === '}') depth -= 1;
    if (depth === 0) return tokens.lastIndex;
  }
  return undefined;
}

function tryParse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON: the YAML reader says where and why.
    return undefined;
  }
}

function inexactNumbers(text: string, from: number, end: number): readonly number[] {
  const part = text.slice(from, end);
  if (!/\d{16}/.test(part)) return [];
  const bare = part.replaceAll(/"(?:[^"\\]|\\.)*"/gs, (quoted) => ' '.repeat(quoted.length));
  return [...bare.matchAll(LONG_NUMBER)].filter((match) => !Number.isSafeInteger(Number(match[0]))).map((match) => from + match.index);
}
