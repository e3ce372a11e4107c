import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import { checkAgainstSchema, type SchemaCheck, schemaOf } from '../../../src/specs/prune.ts';
import { service } from './objects.ts';
import { currentCrds } from './seed-files.ts';

function check(spec: JsonValue, schema: JsonObject): SchemaCheck {
  return checkAgainstSchema({ apiVersion: 'e/v1', kind: 'K', metadata: { name: 'x' }, spec: spec as JsonObject }, { properties: { spec: schema } });
}

const object = (properties: JsonObject, rest: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...rest });

describe('what a schema makes of a spec', () => {
  it.each([
    ['an unknown field', { a: 1, b: { c: 2, d: 3 } }, object({ b: object({ c: { type: 'integer' } }) }), ['spec.a', 'spec.b.d'], []],
    ['anything where everything is kept', { a: { b: 1 } }, object({}, { 'x-kubernetes-preserve-unknown-fields': true }), [], []],
    ['a map', { k: { a: 1 } }, { type: 'object', additionalProperties: object({}) }, ['spec.k.a'], []],
    ['a list', [{ a: 1 }], { type: 'array', items: object({}) }, ['spec[0].a'], []],
    [
      'a wrong type',
      { a: 'x', b: 1.5 },
      object({ a: { type: 'boolean' }, b: { type: 'integer' } }),
      [],
      ['spec.a expected boolean, got "x"', 'spec.b expected integer, got 1.5'],
    ],
    ['a value outside an enum', { a: 'x' }, object({ a: { type: 'string', enum: ['y', 'z'] } }), [], ['spec.a "x" is not one of y, z']],
    ['a missing field', {}, object({ a: { type: 'string' } }, { required: ['a'] }), [], ['spec.a is required and missing']],
    ['a missing field with a default', {}, object({ a: { type: 'string', default: 'x' } }, { required: ['a'] }), [], []],
    ['a null that is allowed', { a: null }, object({ a: { type: 'string', nullable: true } }), [], []],
    ['a null that is not', { a: null }, object({ a: { type: 'string' } }), [], ['spec.a null where string is expected']],
    ['a number or text', { a: 1, b: '1' }, object({ a: { 'x-kubernetes-int-or-string': true }, b: { 'x-kubernetes-int-or-string': true } }), [], []],
    ['whole numbers as numbers', { a: 3 }, object({ a: { type: 'number' } }), [], []],
  ] as readonly (readonly [string, JsonValue, JsonObject, readonly string[], readonly string[]])[])('%s', (...[, spec, schema, unknown, refused]) => {
    const result = check(spec, schema);
    expect(result.unknown).toEqual(unknown);
    expect(result.refused.map(({ path, message }) => `${path} ${message}`)).toEqual(refused);
  });

  it('knows the platform: a service is accepted, a misspelt field is not', () => {
    const crd = currentCrds().get('LatticeService');
    const schema = crd === undefined ? undefined : schemaOf(crd, 'v1alpha1');
    expect(checkAgainstSchema(service('shop/a', { db: { type: 'service' } }), schema ?? {})).toEqual({ unknown: [], refused: [] });
    expect(checkAgainstSchema(service('shop/a', {}, { replica: 2 }), schema ?? {}).unknown).toEqual(['spec.replica']);
    expect(crd === undefined ? undefined : schemaOf(crd, 'v2')).toBeUndefined();
  });
});
