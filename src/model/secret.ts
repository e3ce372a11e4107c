import { inspect } from 'node:util';
import { GuardedTexts, SHORTEST_GUARDED } from './guarded-texts.ts';
import type { JsonValue, secretMark } from './json.ts';

/** Shorter lines of a text such as a key file stand in sentences by chance, in characters. */
const SHORTEST_LINE = 16;
/** Names in lower case are shorter, in characters; a pass phrase of several words, or a token, is longer. */
const LONGEST_NAME = 24;
/** A word, or words with `-` or `.` between them, with the few digits that names have: `production`, `us-east-1`, `db01.example.com`, `10.0.0.5`. */
const NAME = /^(?=[a-z0-9])[a-z]*\d{0,4}[a-z]*(?:[.-](?=[a-z0-9])[a-z]*\d{0,4}[a-z]*)*$/;
/** Longer texts are whole documents, in characters: who takes values out of one guards these. */
export const LONGEST_GUARDED = 65_536;

/**
 * What no error may quote. Of the whole process, and for as long as it lives: an error is made far from where a secret was read, often by a library or in
 * the words of a server, and long after its `Secret` is gone.
 */
const guarded = new GuardedTexts();

/**
 * A value that must never be shown: it prints as `[redacted]` in strings, JSON and inspection. `reveal` is called only where the bytes leave for the
 * system they belong to; a search for `.reveal(` lists every such place.
 */
export class Secret {
  declare readonly [secretMark]: true;
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    guardSecret(value);
  }

  /** The plain text. Never log, journal or put it on a command line. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

/** Where a secret is to be found when it is needed. Plans hold only these, never values. Exactly one key is set. */
export type SecretRef = { readonly env: string } | { readonly file: string };

/**
 * Keeps texts out of every error from now on: as they are, line by line, and in base64; names only in base64. For values that are taken out of a document, or
 * never were a `Secret`.
 */
export function guardSecret(...texts: readonly (string | undefined)[]): void {
  for (const text of texts) for (const part of partsOf(text ?? '')) guarded.add(part);
}

/**
 * Whether a text is what regions, profiles, buckets, users and clusters are called. It stands in sentences and in commands that mean the name, so that only its
 * base64 is cut out; Secrets and variables hold many such values which nobody keeps secret.
 */
function isName(text: string): boolean {
  return text.length < LONGEST_NAME && NAME.test(text);
}

/** What of a secret is cut out. Of several lines those that can only be a part of it: the others say whose it is, or what. */
function partsOf(text: string): readonly string[] {
  const whole = text.trim();
  if (whole.length < SHORTEST_GUARDED || text.length > LONGEST_GUARDED) return [];
  const lines = whole.split('\n').map((line) => line.trim());
  const keys = lines.length === 1 ? [] : lines.filter((line) => line.length >= SHORTEST_LINE && !/\s|:$/.test(line));
  return [text, whole, ...keys].flatMap((part) => [...(isName(part.trim()) ? [] : [part]), Buffer.from(part).toString('base64')]);
}

/** A text with `[redacted]` in place of everything guarded. */
export function withoutSecrets(text: string): string {
  return guarded.cut(text, '[redacted]');
}

/** As `withoutSecrets`, for all texts in a value, keys left as they are. */
export function jsonWithoutSecrets<T extends JsonValue | undefined>(value: T): T;
export function jsonWithoutSecrets(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => jsonWithoutSecrets(item));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonWithoutSecrets(item)]));
}
