import { isObject, type JsonObject, type JsonValue } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';

/** The value as an object, empty when it is anything else: for reading fields of objects nobody has validated yet. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** The value as a list, empty when it is anything else. */
export function asList(value: unknown): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

/** The value when it is text that is not empty. */
export function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Entries of a map of objects; entries of other types are left out. */
export function objectEntries(value: unknown): readonly (readonly [string, JsonObject])[] {
  return Object.entries(asObject(value)).flatMap(([key, item]) => (isObject(item) ? [[key, item] as const] : []));
}

/** The field at a path of keys, `undefined` when any of them is missing. */
export function fieldAt(value: unknown, ...path: readonly string[]): JsonValue | undefined {
  let current: unknown = value;
  for (const key of path) current = isObject(current) ? current[key] : undefined;
  return current as JsonValue | undefined;
}

/** The object's spec, empty when it has none. */
export function specOf(object: KubeObject): JsonObject {
  return asObject(object.spec);
}

/** Joins keys to a path as kubectl writes it; a key with dots or slashes is quoted. */
export function joinPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  const part = /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key);
  return path === '' ? part : part === key ? `${path}.${part}` : `${path}[${part}]`;
}

/** Calls `visit` for every text in a value, with its path. */
export function visitTexts(value: unknown, path: string, visit: (text: string, path: string) => void): void {
  if (typeof value === 'string') visit(value, path);
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) visitTexts(item, joinPath(path, index), visit);
  else if (isObject(value)) for (const [key, item] of Object.entries(value)) visitTexts(item, joinPath(path, key), visit);
}
