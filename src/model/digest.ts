import { hash } from 'node:crypto';
import { canonicalJson, type JsonValue } from './json.ts';

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`;

/** Digest of bytes or of UTF-8 text. */
export function digestOf(content: string | Uint8Array): Digest {
  return `sha256:${hash('sha256', content, 'hex')}`;
}

/** Digest of a JSON value, independent of the order of its keys. */
export function digestOfJson(value: JsonValue): Digest {
  return digestOf(canonicalJson(value));
}
