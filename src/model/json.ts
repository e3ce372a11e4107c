/** A value that survives a round trip through JSON unchanged. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** An object of JSON values; an absent key and `undefined` mean the same and neither is written. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/**
 * Accepts a type only if every part of it is JSON-safe. A `Secret`, a class instance, a function, a `Date` or a `bigint` turns the offending part into
 * `never`, so passing it does not compile.
 */
export type JsonSafe<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends bigint | symbol | Date | ((...args: never[]) => unknown) | SecretLike
    ? never
    : T extends readonly (infer U)[]
      ? readonly JsonSafe<U>[]
      : T extends object
        ? { readonly [K in keyof T]: JsonSafe<T[K]> }
        : never;

/** Structural mark of `Secret` (see secret.ts), named here so that this file imports nothing. */
interface SecretLike {
  readonly [secretMark]: true;
}
export declare const secretMark: unique symbol;

/** Writes JSON with object keys in code-point order and without `undefined`, so equal values give equal text. Used for every digest. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item as JsonValue)).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value as JsonObject)
      .filter((entry): entry is [string, JsonValue] => entry[1] !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** Reads bytes as JSON; `undefined` when they are none. */
export function parseJson(content: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(content).toString());
  } catch {
    return undefined;
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
