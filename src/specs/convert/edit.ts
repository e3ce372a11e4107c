import type { FieldDiff } from '../../model/change.ts';
import { isObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import { fieldAt, joinPath } from '../fields.ts';

/** Keys from the root of an object to a field. */
export type FieldPath = readonly string[];

/** One change that turns a spec of the seeds' schema into today's. */
export interface Edit {
  readonly path: FieldPath;
  readonly from?: JsonValue;
  /** Absent means that the field goes. */
  readonly to?: JsonValue;
  /** Why, for people. */
  readonly reason: string;
}

/** A `FieldDiff` that says why. */
export interface ReasonedDiff extends FieldDiff {
  readonly reason: string;
}

/** The edit as a difference to show. */
export function diffOfEdit(edit: Edit): ReasonedDiff {
  const path = edit.path.reduce<string>((text, key) => joinPath(text, key), '');
  return {
    path,
    ...(edit.from === undefined ? {} : { from: edit.from }),
    ...(edit.to === undefined ? {} : { to: edit.to }),
    reason: edit.reason,
  };
}

/** Sets a field; `from` is what is there now. */
export function setField(object: unknown, path: FieldPath, change: { readonly to: JsonValue; readonly reason: string }): Edit {
  const from = fieldAt(object, ...path);
  return { path, ...(from === undefined ? {} : { from }), ...change };
}

/** Takes a field out. */
export function removeField(object: unknown, path: FieldPath, reason: string): Edit {
  const from = fieldAt(object, ...path);
  return { path, ...(from === undefined ? {} : { from }), reason };
}

/** A copy of the object with all edits done, in order. Missing parents are made. */
export function applyEdits<T extends object>(object: T, edits: readonly Edit[]): T {
  return edits.reduce<JsonObject>((value, edit) => edited(value, edit.path, edit.to), object as unknown as JsonObject) as unknown as T;
}

function edited(value: JsonObject, path: FieldPath, to: JsonValue | undefined): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const { [key]: current, ...others } = value;
  if (rest.length > 0) return { ...value, [key]: edited(isObject(current) ? current : {}, rest, to) };
  return to === undefined ? others : { ...value, [key]: to };
}
