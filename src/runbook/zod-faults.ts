import type { z } from 'zod';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { type DocPath, didYouMean, type Fault, nearest } from './faults.ts';
import { type JsonSchema, schemaAt } from './json-schema.ts';
import type { YamlSource } from './yaml-source.ts';

type Issue = z.core.$ZodIssue;

/** How the fault of a key begins that must be there and is not. */
export const MISSING_KEY = 'required key is missing';

/** What zod found in a part of a document. */
export interface ZodFindings {
  readonly source: YamlSource;
  /** Path of the part in the document. */
  readonly base: DocPath;
  /** The part as it was given to zod. */
  readonly data: JsonValue | undefined;
  /** JSON Schema of the part, for the names of known keys. */
  readonly schema: JsonSchema;
  readonly issues: readonly Issue[];
  /** Where the value at a path of the part comes from, when that is not the document itself: text for the message. */
  readonly origin?: (path: DocPath) => string | undefined;
}

/** Faults of zod's issues, each at its position. A misspelt required key, which zod reports twice (missing, and unknown), is one fault. */
export function zodFaults(findings: ZodFindings): readonly Fault[] {
  const issues = findings.issues.flatMap((issue) => flatten(issue, findings.data));
  const missing = issues.filter((issue) => isMissing(issue, findings.data));
  const explained = new Set<Issue>();
  const unknown = issues
    .filter((issue) => issue.code === 'unrecognized_keys')
    .flatMap((issue) => {
      const required = missing.filter((other) => samePath(other.path.slice(0, -1), issue.path));
      return issue.keys.map((key) => {
        const meant = nearest(
          key,
          required.map((other) => String(other.path.at(-1))),
        );
        for (const other of required) if (meant === String(other.path.at(-1))) explained.add(other);
        return unknownKey(findings, [...docPath(issue.path), key], meant);
      });
    });
  const rest = issues.filter((issue) => issue.code !== 'unrecognized_keys' && !explained.has(issue)).map((issue) => issueFault(findings, issue));
  return [...unknown, ...rest];
}

function unknownKey(findings: ZodFindings, path: DocPath, meant: string | undefined): Fault {
  const key = String(path.at(-1));
  const spot = schemaAt(findings.schema, path.slice(0, -1));
  const known = spot.state === 'closed' ? spot.keys : [];
  // Known to another alternative than the one that the other keys chose.
  if (known.includes(key)) return faultOf(findings, path, { message: `key "${key}" does not go together with the keys beside it`, at: 'key' });
  const hint = meant === undefined ? didYouMean(key, known) : { suggestion: `did you mean "${meant}"?` };
  const list = hint.suggestion === undefined && known.length > 0 ? { suggestion: `known here: ${known.join(', ')}` } : hint;
  return faultOf(findings, path, { message: `unknown key "${key}"`, ...list, at: 'key' });
}

function issueFault(findings: ZodFindings, issue: Issue): Fault {
  const { data } = findings;
  const path = docPath(issue.path);
  const value = valueAt(data, path);
  if (isMissing(issue, data)) {
    const expected = issue.code === 'invalid_type' ? ` (${article(issue.expected)})` : '';
    return faultOf(findings, path, { message: `${MISSING_KEY}${expected}` });
  }
  if (issue.code === 'invalid_type') {
    const isUnquoted = issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean');
    return faultOf(findings, path, {
      message: `must be ${article(issue.expected)}, is ${describe(value)}`,
      ...(isUnquoted ? { suggestion: 'put it into quotes' } : {}),
    });
  }
  if (issue.code === 'invalid_value') {
    const options = issue.values.map(String);
    const hint = typeof value === 'string' ? didYouMean(value, options) : {};
    return faultOf(findings, path, { message: `${describe(value)} is not ${options.length === 1 ? '' : 'one of '}${options.join(', ')}`, ...hint });
  }
  if (issue.code === 'invalid_key') {
    return faultOf(findings, path, { message: `key ${describe(String(path.at(-1)))} ${lower(issue.issues[0]?.message ?? issue.message)}`, at: 'key' });
  }
  return faultOf(findings, path, { message: `${subjectOf(issue, value)}${lower(issue.message)}` });
}

/**
 * The value, before what is wrong with it. Not where the message names it already, and not where a reference was asked for and something else is written: it may
 * be the secret itself, which must not get from a file into a log.
 */
function subjectOf(issue: Issue, value: JsonValue | undefined): string {
  const mayBeSecret = issue.code === 'invalid_union' || (issue.code === 'custom' && issue.params?.['secret'] === true);
  if (value === undefined || typeof value === 'object' || mayBeSecret || issue.message.startsWith('"')) return '';
  return `${describe(value)} `;
}

function faultOf(
  { source, base, origin }: ZodFindings,
  path: DocPath,
  fault: { readonly message: string; readonly suggestion?: string; readonly at?: 'key' },
): Fault {
  const from = origin?.(path);
  return source.faultAt([...base, ...path], { ...fault, message: from === undefined ? fault.message : `${fault.message}, from ${from}` });
}

/** The issues of the alternative that was probably meant: the one to which the fewest keys are strange, if only one is; else the union's own issue. */
function flatten(issue: Issue, data: JsonValue | undefined): readonly Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const value = valueAt(data, docPath(issue.path));
  if (typeof value !== 'object' || value === null) return [issue];
  const ranked = issue.errors.map((errors) => ({ errors, strange: strangeKeys(errors) })).sort((a, b) => a.strange - b.strange);
  const [best, next] = ranked;
  if (best === undefined || best.strange === next?.strange) return [issue];
  return best.errors.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }, data));
}

function strangeKeys(errors: readonly Issue[]): number {
  return errors.flatMap((error) => (error.code === 'unrecognized_keys' && error.path.length === 0 ? error.keys : [])).length;
}

function isMissing(issue: Issue, data: JsonValue | undefined): boolean {
  return (
    issue.path.length > 0 &&
    valueAt(data, docPath(issue.path)) === undefined &&
    (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union')
  );
}

function docPath(path: readonly PropertyKey[]): DocPath {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}

function samePath(a: readonly PropertyKey[], b: readonly PropertyKey[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** The value at a path of a JSON value; `undefined` when there is none. */
function valueAt(root: JsonValue | undefined, path: DocPath): JsonValue | undefined {
  let current = root;
  for (const part of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    if (Array.isArray(current)) current = typeof part === 'number' ? (current as readonly JsonValue[])[part] : undefined;
    else current = Object.hasOwn(current, part) ? (current as JsonObject)[part] : undefined;
  }
  return current;
}

/** A value for people: its JSON text when short, else its type. */
export function describe(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}…"`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  object: 'a map',
  record: 'a map',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function article(type: string): string {
  return TYPE_WORDS[type] ?? type;
}

function lower(message: string): string {
  return `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}
