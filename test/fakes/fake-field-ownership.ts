import type { JsonObject, JsonValue } from '../../src/model/json.ts';

/** Path of a field, one element per key: lists count as one value. */
export type FieldPath = readonly string[];

/** Fields that one manager owns, by operation and subresource, as `metadata.managedFields` has them. */
export interface FieldOwner {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly subresource: string;
  /** Paths as JSON text, so that they compare. */
  readonly fields: ReadonlySet<string>;
}

export interface FieldConflict {
  readonly manager: string;
  readonly path: FieldPath;
}

/** Metadata that the server sets; nobody owns it. */
const SERVER_FIELDS = new Set(['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'managedFields']);

/** Paths of all values of an object that somebody can own. */
export function ownedPaths(value: JsonObject): readonly FieldPath[] {
  const { apiVersion: _apiVersion, kind: _kind, metadata, ...rest } = value;
  const meta = Object.fromEntries(Object.entries((metadata ?? {}) as JsonObject).filter(([key]) => !SERVER_FIELDS.has(key)));
  return [...leaves(rest, []), ...leaves(meta, ['metadata'])];
}

function leaves(value: JsonValue | undefined, path: FieldPath): readonly FieldPath[] {
  if (value === undefined) return [];
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return [path];
  const entries = Object.entries(value as JsonObject);
  if (entries.length === 0) return path.length > 1 ? [path] : [];
  return entries.flatMap(([key, item]) => leaves(item, [...path, key]));
}

export function pathKey(path: FieldPath): string {
  return JSON.stringify(path);
}

export function valueAt(object: JsonValue | undefined, path: FieldPath): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((value, key) => (value !== null && typeof value === 'object' ? (value as JsonObject)[key] : undefined), object);
}

/** A copy with one value set, or removed if it is `undefined`; parents left empty by a removal go too. */
export function withValue(object: JsonObject, path: FieldPath, value: JsonValue | undefined): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined) return object;
  const child = object[key];
  const parent = child !== null && typeof child === 'object' && !Array.isArray(child) ? (child as JsonObject) : {};
  const next = rest.length === 0 ? value : withValue(parent, rest, value);
  const emptied = value === undefined && rest.length > 0 && Object.keys((next ?? {}) as JsonObject).length === 0;
  if (next !== undefined && !emptied) return { ...object, [key]: next };
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}

/** Fields of an owner in the form of the API: `{ "f:spec": { "f:a": {} } }`. */
export function fieldsV1(fields: ReadonlySet<string>): JsonObject {
  const named = (path: FieldPath) => path.map((key) => `f:${key}`);
  return [...fields].reduce<JsonObject>((tree, key) => withValue(tree, named(JSON.parse(key) as FieldPath), {}), {});
}

/** Values of `applied` that differ from `current` and belong to others. */
export function findConflicts(current: JsonObject, applied: JsonObject, others: readonly FieldOwner[]): readonly FieldConflict[] {
  return ownedPaths(applied).flatMap((path) => {
    if (JSON.stringify(valueAt(current, path)) === JSON.stringify(valueAt(applied, path))) return [];
    return others.filter((owner) => owner.fields.has(pathKey(path))).map((owner) => ({ manager: owner.manager, path }));
  });
}
