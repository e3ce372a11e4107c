import { isObject, type JsonValue } from '../../model/json.ts';
import { joinPath } from '../fields.ts';

/** Keys from the root of an object to a field. An item of a list is `[name=main]` or `[0]`: no key of an object begins so. */
export type FieldPath = readonly string[];

const SELECTOR = /^\[(?:name=(?<name>.+)|(?<index>\d+))\]$/s;
const TOKEN = /\.?(?<key>[A-Za-z0-9_-]+)|\[(?<quoted>"(?:[^"\\]|\\.)*")\]|^(?<first>"(?:[^"\\]|\\.)*")|(?<selector>\[(?:name=[^\]]+|\d+)\])/gsy;

/** The path as kubectl writes it: `spec.containers[name=main].image`, `metadata.labels["a/b"]`. */
export function pathText(path: FieldPath): string {
  return path.reduce((text, key) => (SELECTOR.test(key) ? `${text}${key}` : joinPath(text, key)), '');
}

/** Reads a path as `pathText` writes it; `undefined` when it is none. The empty text is the whole object. */
export function parsePath(text: string): FieldPath | undefined {
  const keys: string[] = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const { key, quoted, first, selector } = match.groups ?? {};
    const json = quoted ?? first;
    keys.push(key ?? selector ?? (json === undefined ? '' : String(JSON.parse(json))));
    end = match.index + match[0].length;
  }
  return end === text.length && !text.startsWith('.') ? keys : undefined;
}

/** The value at a path; `undefined` when any part of it is missing. */
export function valueAtPath(value: JsonValue | undefined, path: FieldPath): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((current, key) => {
    if (Array.isArray(current)) return (current as readonly JsonValue[])[itemIndex(current as readonly JsonValue[], key)];
    return isObject(current) && Object.hasOwn(current, key) ? current[key] : undefined;
  }, value);
}

/** A copy with the field set, or taken out when `to` is `undefined`. Missing maps are made; a missing list item is added when it is selected by name. */
export function withValueAt(value: JsonValue | undefined, path: FieldPath, to: JsonValue | undefined): JsonValue | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  if (SELECTOR.test(key)) return inList(Array.isArray(value) ? (value as readonly JsonValue[]) : [], { key, rest, to });
  const map = isObject(value) ? value : {};
  const { [key]: _old, ...others } = map;
  const next = withValueAt(Object.hasOwn(map, key) ? map[key] : undefined, rest, to);
  if (next === undefined) return others;
  // The place of a key is kept, so that what is written afterwards reads as before.
  return Object.hasOwn(map, key) ? { ...map, [key]: next } : { ...others, [key]: next };
}

interface ListEdit {
  readonly key: string;
  readonly rest: FieldPath;
  readonly to: JsonValue | undefined;
}

function inList(items: readonly JsonValue[], { key, rest, to }: ListEdit): JsonValue {
  const index = itemIndex(items, key);
  const next = withValueAt(items[index], rest, to);
  if (index === -1) return next === undefined ? items : [...items, next];
  return items.flatMap((item, at) => (at !== index ? [item] : next === undefined ? [] : [next]));
}

/** Index of the item that a selector means; -1 when there is none. */
export function itemIndex(items: readonly unknown[], selector: string): number {
  const { name, index } = SELECTOR.exec(selector)?.groups ?? {};
  if (name === undefined && index === undefined) return -1;
  if (index !== undefined) return Number(index) < items.length ? Number(index) : -1;
  return items.findIndex((item) => isObject(item) && item['name'] === name);
}
