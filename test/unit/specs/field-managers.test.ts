import { describe, expect, it } from 'vitest';
import { handOver, type ManagedFields } from '../../../src/specs/field-managers.ts';

/** `manager operation`. */
const entry = (who: string, fieldsV1: object, rest: Partial<ManagedFields> = {}): ManagedFields => ({
  manager: who.split(' ')[0] ?? '',
  operation: who.split(' ')[1] ?? '',
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  time: '2026-03-01T03:00:00Z',
  fieldsV1: fieldsV1 as ManagedFields['fieldsV1'] & object,
  ...rest,
});
const move = { from: 'lattice-dr', to: 'kustomize-controller' };

describe('handing fields over', () => {
  it('renames our entry, and leaves those of others and of subresources', () => {
    const others = [entry('operator Update', { 'f:spec': { 'f:x': {} } }), entry('lattice-dr Update', { 'f:status': {} }, { subresource: 'status' })];
    expect(handOver([entry('lattice-dr Apply', { 'f:data': { 'f:a': {} } }), ...others], move)).toEqual([
      ...others,
      entry('kustomize-controller Apply', { 'f:data': { 'f:a': {} } }),
    ]);
  });

  it('gives one entry the fields of all: of our applies, of our patches, and what the new owner has', () => {
    const entries = [
      entry('lattice-dr Apply', { 'f:data': { '.': {}, 'f:a': {} } }),
      entry('lattice-dr Update', { 'f:data': { 'f:b': {} }, 'f:metadata': { 'f:labels': { 'f:x': {} } } }, { time: '2026-03-01T04:00:00Z' }),
      entry('kustomize-controller Apply', { 'f:data': { 'f:c': {} } }),
    ];
    expect(handOver(entries, move)).toEqual([
      entry('kustomize-controller Apply', { 'f:data': { '.': {}, 'f:a': {}, 'f:b': {}, 'f:c': {} }, 'f:metadata': { 'f:labels': { 'f:x': {} } } }),
    ]);
  });

  it('makes an apply of what we have only patched', () => {
    expect(handOver([entry('lattice-dr Update', { 'f:spec': {} })], move)).toEqual([entry('kustomize-controller Apply', { 'f:spec': {} })]);
  });

  it('has nothing to do where we own nothing, and a second time', () => {
    expect(handOver([entry('operator Apply', { 'f:data': {} })], move)).toBeUndefined();
    expect(handOver([], move)).toBeUndefined();
    const once = handOver([entry('lattice-dr Apply', { 'f:data': {} })], move) ?? [];
    expect(handOver(once, move)).toBeUndefined();
  });
});
