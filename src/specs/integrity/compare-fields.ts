import { canonicalJson, isObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import type { ResourceType } from '../../model/kube-object.ts';
import type { RiskClass } from '../../model/risk-class.ts';
import { sameQuantity } from '../same-quantity.ts';
import { type FieldPath, pathText } from './field-path.ts';
import { riskOf } from './risk.ts';

/** Where a spec is found. */
export const SIDES = ['git', 'backup', 'live'] as const;
export type Side = (typeof SIDES)[number];

/** What the sides that were looked at say; a side without the field, or without the object, is absent. */
export type Values = Readonly<Partial<Record<Side, JsonValue>>>;

/** One field in which the sides differ. */
export interface FieldDifference {
  /** As kubectl writes it; empty for the whole object. */
  readonly path: string;
  readonly keys: FieldPath;
  readonly risk: RiskClass;
  readonly values: Values;
}

interface Walk {
  readonly type: ResourceType;
  /** Sides that have the object. */
  readonly sides: readonly Side[];
  readonly found: FieldDifference[];
}

/** The fields in which several copies of one object differ, each at its deepest place. At least two sides must be given; equal spellings of an amount are equal. */
export function compareFields(type: ResourceType, copies: Readonly<Partial<Record<Side, JsonObject>>>): readonly FieldDifference[] {
  const walk: Walk = { type, sides: SIDES.filter((side) => copies[side] !== undefined), found: [] };
  visit(walk, [], copies);
  return walk.found;
}

function visit(walk: Walk, path: FieldPath, values: Values): void {
  const all = walk.sides.map((side) => values[side]);
  if (all.every((value) => isSame(value, all[0], path))) return;
  if (all.every(isObject)) {
    const keys = [...new Set(all.flatMap((value) => Object.keys(value)))];
    for (const key of keys)
      visit(
        walk,
        [...path, key],
        inside(walk, values, (value) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined)),
      );
    return;
  }
  if (all.every((value) => Array.isArray(value)) && visitLists(walk, path, values)) return;
  walk.found.push({ path: pathText(path), keys: path, risk: riskOf(walk.type, path, all), values: present(values) });
}

/** By name where all items have one of their own, by position where the lists are of one length; `false` when neither can be said. */
function visitLists(walk: Walk, path: FieldPath, values: Values): boolean {
  const lists = walk.sides.map((side) => values[side] as readonly JsonValue[]);
  if (lists.every(isNamed)) {
    const names = [...new Set(lists.flatMap((list) => list.map(nameOf)))];
    for (const name of names)
      visit(
        walk,
        [...path, `[name=${String(name)}]`],
        inside(walk, values, (list) => (list as readonly JsonValue[]).find((item) => nameOf(item) === name)),
      );
    return true;
  }
  const length = lists[0]?.length ?? 0;
  if (!lists.every((list) => list.length === length && list.every(isObject))) return false;
  for (let index = 0; index < length; index += 1)
    visit(
      walk,
      [...path, `[${index}]`],
      inside(walk, values, (list) => (list as readonly JsonValue[])[index]),
    );
  return true;
}

function inside(walk: Walk, values: Values, pick: (value: JsonValue | undefined) => JsonValue | undefined): Values {
  return Object.fromEntries(walk.sides.map((side) => [side, pick(values[side])]));
}

function present(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function isNamed(list: readonly JsonValue[]): boolean {
  const names = list.map(nameOf);
  return names.length > 0 && names.every((name) => name !== undefined) && new Set(names).size === names.length;
}

/** The item's name, unless no path could say it. */
function nameOf(item: JsonValue): string | undefined {
  const name = isObject(item) ? item['name'] : undefined;
  return typeof name === 'string' && !name.includes(']') ? name : undefined;
}

function isSame(a: JsonValue | undefined, b: JsonValue | undefined, path: FieldPath): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (isScalar(a) && isScalar(b)) return typeof a !== 'boolean' && typeof b !== 'boolean' && sameQuantity(String(a), String(b), pathText(path));
  return canonicalJson(a) === canonicalJson(b);
}

function isScalar(value: JsonValue): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
