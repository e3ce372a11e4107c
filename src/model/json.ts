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
  // Text is put together piece by piece: lists of entries would take three times as long for a graph of ten thousand steps.
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value as readonly JsonValue[]) text += `${text === '' ? '' : ','}${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const fields = value as JsonObject;
  for (const key of Object.keys(fields).sort()) {
    const item = fields[key];
    if (item !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(item)}`;
  }
  return `{${text}}`;
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
