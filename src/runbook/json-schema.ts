import { z } from 'zod';
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { DocPath } from './faults.ts';

/** A JSON Schema, draft 7, of what a zod schema accepts. */
export type JsonSchema = JsonObject;

/** What a schema says about a path: `open` when anything may stand there, `closed` with the keys it names, or the path does not exist. */
export type SchemaSpot =
  | { readonly state: 'open' }
  | { readonly state: 'closed'; readonly keys: readonly string[]; readonly schemas: readonly JsonSchema[] }
  | { readonly state: 'absent'; readonly keys: readonly string[] };

/** JSON Schema of a zod schema's input side; parts that JSON Schema cannot say accept anything. */
export const inputSchemaOf = once((schema) => z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' }) as JsonSchema);

/** JSON Schema of a zod schema's output side. */
export const outputSchemaOf = once((schema) => z.toJSONSchema(schema, { io: 'output', target: 'draft-7', unrepresentable: 'any' }) as JsonSchema);

/** Remembers what was made for a schema: schemas never change, and making one took half the time of a validation. */
function once(make: (schema: z.ZodType) => JsonSchema): (schema: z.ZodType) => JsonSchema {
  const made = new WeakMap<z.ZodType, JsonSchema>();
  return (schema) => {
    const known = made.get(schema) ?? make(schema);
    made.set(schema, known);
    return known;
  };
}

/** Follows a path through a schema. Alternatives (`anyOf`, `oneOf`, `allOf`) are followed together: a path exists when one of them has it. */
export function schemaAt(root: JsonSchema, path: DocPath): SchemaSpot {
  let current = alternatives(root);
  for (const part of path) {
    if (current.some(isOpen)) return { state: 'open' };
    const next = current.flatMap((schema) => children(schema, part)).flatMap(alternatives);
    if (next.length === 0) return { state: 'absent', keys: keysOf(current) };
    current = next;
  }
  return current.some(isOpen) ? { state: 'open' } : { state: 'closed', keys: keysOf(current), schemas: current };
}

/** JSON types a closed spot may have, such as `string` and `object`. */
export function typesOf(schemas: readonly JsonSchema[]): ReadonlySet<string> {
  return new Set(schemas.flatMap((schema) => [schema['type'] ?? typeOfConst(schema)].flat().filter((type): type is string => typeof type === 'string')));
}

function typeOfConst(schema: JsonSchema): string {
  const value = schema['const'];
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}

function keysOf(schemas: readonly JsonSchema[]): readonly string[] {
  return [...new Set(schemas.flatMap((schema) => Object.keys(objectOf(schema['properties']) ?? {})))];
}

function children(schema: JsonSchema, part: string | number): readonly JsonSchema[] {
  if (typeof part === 'number') return present(objectOf(schema['items']));
  const own = Object.hasOwn(objectOf(schema['properties']) ?? {}, part) ? objectOf(objectOf(schema['properties'])?.[part]) : undefined;
  return present(own ?? objectOf(schema['additionalProperties']));
}

function present(schema: JsonSchema | undefined): readonly JsonSchema[] {
  return schema === undefined ? [] : [schema];
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => schema[key]).filter((branch) => objectOf(branch) !== undefined) as JsonSchema[];
  return branches.length === 0 ? [schema] : branches.flatMap(alternatives);
}

/** A schema that names no type and no fields accepts anything; a reference is recursive JSON, which does too. */
function isOpen(schema: JsonSchema): boolean {
  if (schema['type'] === undefined && schema['const'] === undefined && schema['enum'] === undefined) return true;
  return schema['type'] === 'object' && schema['properties'] === undefined && schema['additionalProperties'] === undefined;
}

function objectOf(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}
