import { z } from 'zod';
import { parseDuration } from '../duration.ts';

/** The type with every array and object in it made readonly. */
export type Immutable<T> = T extends string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly Immutable<U>[]
    : { readonly [K in keyof T]: Immutable<T[K]> };

/** Text that is not empty and has no space at either end. */
export const text = z.string().regex(/^\S(?:[\s\S]*\S)?$/, { error: 'must not be empty or have spaces at its ends' });

/** Name of one thing in a list, unique there by its own rule: letters, digits, `.`, `_` and `-`, at most 253 characters. */
export const name = z.string().regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,251}[A-Za-z0-9])?$/, {
  error: 'must be 1 to 253 letters, digits, ".", "_" or "-", with a letter or digit at both ends',
});

/** RFC 1123 label, as Kubernetes names clusters, namespaces and services. */
export const label = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, {
  error: 'must be 1 to 63 lower-case letters, digits or "-", with a letter or digit at both ends (RFC 1123 label)',
});

/**
 * A span of time, written as text with its unit (`90s`, `15m`, `1h30m`, `7d`) and decoded to milliseconds. Files and expressions always hold the text;
 * whoever parses it gets the number, so a step's `with` and a plan use the same field.
 */
export const duration = z
  .codec(z.string().meta({ examples: ['90s', '15m', '1h30m'] }), z.number().nonnegative(), {
    decode: (value, payload) => {
      const ms = parseDuration(value);
      if (ms !== undefined) return ms;
      payload.issues.push({
        code: 'custom',
        message: 'is not a duration: write a number and a unit, such as 90s, 15m or 1h30m',
        input: value,
        params: { of: 'value' },
      });
      return z.NEVER;
    },
    encode: durationText,
  })
  .meta({ description: 'A duration: number and unit (ms, s, m, h, d), units may be combined' });

/** Writes milliseconds so that `parseDuration` reads the same number back: `1h30m`, `250ms`. */
export function durationText(ms: number): string {
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count}${unit}`);
    rest -= count * size;
  }
  if (rest > 0 || parts.length === 0) parts.push(`${rest}ms`);
  return parts.join('');
}

/** Where a secret is found when it is needed: an environment variable or a file (`~/` is the home directory). Never the secret itself. */
export const secretRef = z
  .union([z.strictObject({ env: text }), z.strictObject({ file: text })], {
    error: 'must have exactly one of env (a variable) and file (a path), never the secret itself',
  })
  .meta({ description: 'Reference to a secret: { env: VARIABLE } or { file: PATH }' });

/** Certificates that a server is checked by, beside those that everybody trusts. */
export const authority = secretRef.meta({
  description: "PEM file of the authority that signed the server's certificate, beside the known ones: { env: VARIABLE } or { file: PATH }",
});

/** Where a kubeconfig is found: a file, or an environment variable that holds the path of one. */
export const kubeconfigRef = z
  .union([z.strictObject({ env: text, context: text.exactOptional() }), z.strictObject({ file: text, context: text.exactOptional() })], {
    error: 'must have exactly one of env (a variable that holds the path) and file (the path)',
  })
  .meta({ description: 'Reference to a kubeconfig: { env: VARIABLE } or { file: PATH }, and a context' });

/** A program and its arguments; no shell is involved. Secrets never go here: arguments are visible to every user of a machine. */
export const command = z.array(text).min(1, { error: 'must name a program' }).meta({ description: 'A program and its arguments, run without a shell' });

/** TCP or UDP port, 1 to 65535. */
export const port = z.int({ error: 'must be a whole number' }).min(1, { error: 'must be 1 to 65535' }).max(65_535, { error: 'must be 1 to 65535' });

/** Address of a server. */
export const endpoint = z.strictObject({ host: text, port });

/** `namespace/name` of an object. */
export const namespacedName = z.string().regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, { error: 'must be namespace/name' });

/** An http or https URL. */
export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/**
 * For `superRefine`: runs a rule between fields even when other fields are wrong, so that all faults are listed at once. The rule must then expect any
 * value in the fields it looks at; `rows` helps.
 */
export const beside = {
  when: (payload: { readonly value: unknown }) => typeof payload.value === 'object' && payload.value !== null && !Array.isArray(payload.value),
};

/** For `superRefine` of a list: two entries with the same text in `keys` are a fault at the second. */
export function distinct(...keys: readonly string[]): (value: unknown, context: z.RefinementCtx) => void {
  return (value, context) => {
    const seen = new Set<string>();
    for (const [index, row] of rows(value).entries()) {
      const parts = keys.map((key) => row[key]);
      if (!parts.every((part) => typeof part === 'string')) continue;
      const id = parts.join(' ');
      if (seen.has(id)) context.addIssue({ code: 'custom', path: [index, keys[0] ?? ''], message: `"${id}" is listed twice` });
      seen.add(id);
    }
  };
}

/** For `distinct`: runs it even when entries are wrong. */
export const besideList = { when: (payload: { readonly value: unknown }) => Array.isArray(payload.value) };

/** The value as a list of objects, whatever it is: a rule between fields sees fields that are wrong too. */
export function rows(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value.map((row: unknown) => (typeof row === 'object' && row !== null ? (row as Record<string, unknown>) : {}));
}
