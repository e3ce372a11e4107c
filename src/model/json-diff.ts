import type { FieldDiff } from './change.ts';
import { canonicalJson, isObject, type JsonObject, type JsonValue } from './json.ts';

/**
 * The fields in which two JSON values differ, each at its deepest place. Lists whose items all have a `name` of their own are compared by name
 * (`nodes[name=cp-1].address`), other lists of one length by position; lists of different lengths differ as a whole. Pure.
 */
export function diffJson(before: JsonValue | undefined, after: JsonValue | undefined, path = ''): readonly FieldDiff[] {
  if (isSame(before, after)) return [];
  if (isObject(before) && isObject(after)) return diffObject(before, after, path);
  if (isList(before) && isList(after)) return diffList(before, after, path);
  return [{ path, ...(before === undefined ? {} : { from: before }), ...(after === undefined ? {} : { to: after }) }];
}

/** Whether two values are the same JSON, whatever the order of keys. */
export function isSame(before: JsonValue | undefined, after: JsonValue | undefined): boolean {
  if (before === undefined || after === undefined) return before === after;
  return canonicalJson(before) === canonicalJson(after);
}

function diffObject(before: JsonObject, after: JsonObject, path: string): readonly FieldDiff[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return keys.flatMap((key) => diffJson(valueAt(before, key), valueAt(after, key), path === '' ? key : `${path}.${key}`));
}

function diffList(before: readonly JsonValue[], after: readonly JsonValue[], path: string): readonly FieldDiff[] {
  const [was, is] = [byName(before), byName(after)];
  if (was !== undefined && is !== undefined) {
    const names = [...new Set([...was.keys(), ...is.keys()])];
    const diffs = names.flatMap((name) => diffJson(was.get(name), is.get(name), `${path}[name=${name}]`));
    if (diffs.length > 0) return diffs;
  }
  if (was === undefined && before.length === after.length) return before.flatMap((item, index) => diffJson(item, after[index], `${path}[${index}]`));
  return [{ path, from: before, to: after }];
}

function byName(items: readonly JsonValue[]): ReadonlyMap<string, JsonValue> | undefined {
  const names = items.flatMap((item) => (isObject(item) && typeof valueAt(item, 'name') === 'string' ? [valueAt(item, 'name') as string] : []));
  const isNamed = names.length === items.length && new Set(names).size === names.length;
  return isNamed ? new Map(items.map((item, index) => [names[index] as string, item])) : undefined;
}

/** An inherited property of that name is none of the value's. */
function valueAt(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
