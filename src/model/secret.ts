import { inspect } from 'node:util';
import type { secretMark } from './json.ts';

/**
 * A value that must never be shown: it prints as `[redacted]` in strings, JSON and inspection. `reveal` is called only where the bytes leave for the
 * system they belong to; a search for `.reveal(` lists every such place.
 */
export class Secret {
  declare readonly [secretMark]: true;
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
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
