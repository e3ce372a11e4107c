import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { inputSchemaOf, outputSchemaOf, schemaAt } from '../../../src/runbook/json-schema.ts';
import { jsonSchemaFiles } from '../../../src/runbook/json-schemas.ts';
import { recoveryPlanSchema } from '../../../src/runbook/recovery-plan.ts';
import { fileOf } from './fixtures.ts';

describe('JSON Schema files', () => {
  it.each(Object.entries(jsonSchemaFiles()))('%s is what the code says (else: node src/runbook/write-schemas.ts)', (name, text) => {
    expect(fileOf(`src/runbook/schemas/${name}`).text).toBe(text);
  });
});

describe('paths of a schema', () => {
  const plan = inputSchemaOf(recoveryPlanSchema);

  it.each([
    [['spec', 'cluster', 'name'], 'closed'],
    [['spec', 'dns', 'records', 0, 'to', 'service'], 'closed'],
    [['spec', 'dns', 'records', 0, 'to', 'address'], 'closed'],
    [['spec', 'state', 's3', 'bucket'], 'closed'],
    [['spec', 'backups', 3, 'volumeSnapshotLocation', 'config', 'anything'], 'closed'],
    [['spec', 'dns', 'records', 'name'], 'absent'],
    [['spec', 'cluster', 'toString'], 'absent'],
    [['spec', 'objectives', 'rto', 'x'], 'absent'],
  ] as const)('%j is %s', (path, state) => {
    expect(schemaAt(plan, path).state).toBe(state);
  });

  it('are open where anything may stand, and closed in outputs that name nothing', () => {
    expect(schemaAt(inputSchemaOf(z.object({ a: z.json(), b: z.unknown() })), ['a', 'x', 1]).state).toBe('open');
    expect(schemaAt(inputSchemaOf(z.object({ b: z.unknown() })), ['b', 'x']).state).toBe('open');
    expect(schemaAt(outputSchemaOf(z.object({})), ['x'])).toEqual({ state: 'absent', keys: [] });
  });
});
