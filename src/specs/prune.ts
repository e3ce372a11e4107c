import { isObject, type JsonObject, type JsonValue } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { asList, asObject, fieldAt, joinPath } from './fields.ts';

/** What a server would do to an object because of its CRD's schema. */
export interface SchemaCheck {
  /** Fields the schema does not know: dropped in silence, or refused under strict field validation. */
  readonly unknown: readonly string[];
  /** What the server refuses. */
  readonly refused: readonly SchemaFault[];
}

export interface SchemaFault {
  readonly path: string;
  /** Lower case, with the wrong value. */
  readonly message: string;
}

/** The OpenAPI schema of a version in a CustomResourceDefinition, `undefined` when it does not serve that version. */
export function schemaOf(crd: KubeObject, version: string): JsonObject | undefined {
  const found = asList(fieldAt(crd.spec, 'versions')).find((item) => fieldAt(item, 'name') === version && fieldAt(item, 'served') === true);
  const schema = fieldAt(found, 'schema', 'openAPIV3Schema');
  return isObject(schema) ? schema : undefined;
}

/**
 * Predicts what a CRD's schema makes of an object: unknown fields, wrong types, missing required fields, values outside an enum. Patterns, formats and CEL rules
 * are left to the server.
 *
 * @see kubernetes v1.36 `apiextensions-apiserver/pkg/apiserver/schema/pruning` and `…/validation`
 */
export function checkAgainstSchema(object: KubeObject, schema: JsonObject): SchemaCheck {
  const walk: Walk = { path: '', unknown: [], refused: [] };
  const properties = asObject(schema['properties']);
  for (const [key, value] of Object.entries(object)) {
    if (key === 'apiVersion' || key === 'kind' || key === 'metadata') continue;
    const property = properties[key];
    if (isObject(property)) check(value as JsonValue, property, { ...walk, path: key });
    else if (schema['x-kubernetes-preserve-unknown-fields'] !== true) walk.unknown.push(key);
  }
  checkRequired(object as unknown as JsonObject, schema, walk);
  return { unknown: walk.unknown, refused: walk.refused };
}

interface Walk {
  readonly path: string;
  readonly unknown: string[];
  readonly refused: SchemaFault[];
}

function check(value: JsonValue, schema: JsonObject, walk: Walk): void {
  if (value === null) {
    checkNull(schema, walk);
    return;
  }
  const fault = typeFault(value, schema);
  if (fault !== undefined) walk.refused.push({ path: walk.path, message: fault });
  else if (isObject(value)) checkObject(value, schema, walk);
  else if (Array.isArray(value)) checkList(value as readonly JsonValue[], schema, walk);
  const allowed = asList(schema['enum']);
  if (allowed.length > 0 && !allowed.includes(value))
    walk.refused.push({ path: walk.path, message: `${JSON.stringify(value)} is not one of ${allowed.join(', ')}` });
}

/** A null is dropped where a default replaces it, kept where it is allowed, refused elsewhere. */
function checkNull(schema: JsonObject, walk: Walk): void {
  if (schema['nullable'] === true || schema['default'] !== undefined || schema['x-kubernetes-preserve-unknown-fields'] === true) return;
  if (schema['type'] !== undefined) walk.refused.push({ path: walk.path, message: `null where ${String(schema['type'])} is expected` });
}

function typeFault(value: JsonValue, schema: JsonObject): string | undefined {
  const expected = schema['type'];
  if (schema['x-kubernetes-int-or-string'] === true)
    return typeof value === 'string' || Number.isInteger(value) ? undefined : `${shown(value)} is no number and no text`;
  if (typeof expected !== 'string' || hasType(value, expected)) return undefined;
  return `expected ${expected}, got ${shown(value)}`;
}

function hasType(value: JsonValue, type: string): boolean {
  if (type === 'object') return isObject(value);
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return typeof value === type;
}

function checkObject(value: JsonObject, schema: JsonObject, walk: Walk): void {
  const properties = asObject(schema['properties']);
  const additional = schema['additionalProperties'];
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true || additional === true || schema['x-kubernetes-embedded-resource'] === true;
  for (const [key, item] of Object.entries(value)) {
    const property = properties[key] ?? additional;
    const path = joinPath(walk.path, key);
    if (isObject(property)) check(item as JsonValue, property, { ...walk, path });
    else if (!keepsUnknown) walk.unknown.push(path);
  }
  checkRequired(value, schema, walk);
}

function checkRequired(value: JsonObject, schema: JsonObject, walk: Walk): void {
  for (const key of asList(schema['required'])) {
    if (typeof key !== 'string' || value[key] !== undefined) continue;
    if (asObject(asObject(schema['properties'])[key])['default'] === undefined)
      walk.refused.push({ path: joinPath(walk.path, key), message: 'is required and missing' });
  }
}

function checkList(value: readonly JsonValue[], schema: JsonObject, walk: Walk): void {
  const items = schema['items'];
  if (!isObject(items)) return;
  for (const [index, item] of value.entries()) check(item, items, { ...walk, path: joinPath(walk.path, index) });
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
