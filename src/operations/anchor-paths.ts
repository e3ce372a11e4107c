import { resolve } from 'node:path';
import type { JsonObject, JsonValue } from '../model/json.ts';

/** Fields of a plan that hold the path of a file or folder on the operator's machine. */
const PATH_FIELDS = new Set(['file', 'age', 'folder', 'kubeconfigOut', 'sshConfig']);
/** Fields that hold a program and its arguments; the program is a path when it begins with a dot. */
const PROGRAM_FIELDS = new Set(['command', 'off', 'check']);
/** Fields that hold a path or something else; it is a path when it begins with a dot. */
const MIXED_FIELDS = new Set(['repository']);

/**
 * Makes every relative path in the values of a plan absolute, from the folder of the plan: a run must mean the same files wherever it is resumed from.
 * Paths that begin with `~/` stay, because only the adapters know a home directory. Pure.
 */
export function anchorPaths(values: JsonObject, folder: string): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value === undefined ? undefined : anchorField(key, value, folder)]));
}

function anchorField(key: string, value: JsonValue, folder: string): JsonValue {
  if (typeof value === 'string') return isPath(key, value) ? resolve(folder, value) : value;
  if (Array.isArray(value)) return anchorList(key, value as readonly JsonValue[], folder);
  return typeof value === 'object' && value !== null ? anchorPaths(value as JsonObject, folder) : value;
}

function anchorList(key: string, values: readonly JsonValue[], folder: string): JsonValue {
  if (!PROGRAM_FIELDS.has(key)) return values.map((value) => anchorField(key, value, folder));
  return values.map((value, index) => (index === 0 && typeof value === 'string' && isRelative(value) ? resolve(folder, value) : value));
}

function isPath(key: string, value: string): boolean {
  if (PATH_FIELDS.has(key)) return !value.startsWith('~/');
  return MIXED_FIELDS.has(key) && isRelative(value);
}

function isRelative(value: string): boolean {
  return value.startsWith('./') || value.startsWith('../');
}
