import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import { type DocPath, renderPath } from '../../../src/runbook/faults.ts';

const WRONG: readonly JsonValue[] = [
  null,
  5,
  true,
  'x',
  [],
  {},
  '${{ plan.gone }}',
  [{ a: [null] }],
  '${{',
  { __proto__: 1, constructor: 2 },
  '',
  -1,
  '\u0000',
];

/** A document with one thing changed. */
export interface Mutation {
  readonly name: string;
  readonly data: JsonValue;
}

/** Every key and list entry of a document: deleted, renamed, and given some of the wrong values, all of which come round within the document. */
export function mutationsOf(data: JsonValue): readonly Mutation[] {
  return pathsOf(data, []).flatMap((path, index) => {
    const name = renderPath(path);
    const key = path.at(-1);
    const renamed = typeof key === 'string' ? [{ name: `${name} renamed`, data: edit(data, path, (value) => ({ [`${key}x`]: value })) }] : [];
    const wrong = [WRONG[index % WRONG.length] as JsonValue];
    return [
      { name: `${name} deleted`, data: edit(data, path, () => ({})) },
      ...renamed,
      ...wrong.map((value) => ({ name: `${name} = ${JSON.stringify(value)}`, data: edit(data, path, () => ({ [String(key)]: value })) })),
    ];
  });
}

function pathsOf(value: JsonValue | undefined, path: DocPath): readonly DocPath[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries: readonly (readonly [string | number, JsonValue | undefined])[] = Array.isArray(value)
    ? value.map((item: JsonValue, index) => [index, item] as const)
    : Object.entries(value as JsonObject);
  return entries.flatMap(([key, item]) => [[...path, key], ...pathsOf(item, [...path, key])]);
}

/** The document with one entry replaced by those that `change` gives for its value. */
function edit(value: JsonValue, [key, ...rest]: DocPath, change: (value: JsonValue) => JsonObject): JsonValue {
  const replace = (name: string | number, item: JsonValue): JsonObject =>
    name !== key ? { [String(name)]: item } : rest.length === 0 ? change(item) : { [String(name)]: edit(item, rest, change) };
  if (Array.isArray(value)) return value.flatMap((item: JsonValue, index) => Object.values(replace(index, item)) as JsonValue[]);
  return Object.fromEntries(Object.entries(value as JsonObject).flatMap(([name, item]) => Object.entries(replace(name, item as JsonValue))));
}
