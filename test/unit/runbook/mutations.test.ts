import { globSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { isDrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject, JsonValue } from '../../../src/model/json.ts';
import type { Fault } from '../../../src/runbook/faults.ts';
import { loadRecoveryPlan } from '../../../src/runbook/load-plan.ts';
import { loadRunbook } from '../../../src/runbook/validate.ts';
import { catalogue } from '../../../src/steps/catalogue.ts';
import { fileOf, fullPlan } from './fixtures.ts';
import { type Mutation, mutationsOf } from './mutate.ts';

/** Loads a mutated document: it is valid, or `INPUT_INVALID` with a position in each fault. */
function tally(mutations: readonly Mutation[], load: (text: string) => unknown): { readonly valid: number; readonly refused: number } {
  let refused = 0;
  for (const { name, data } of mutations) {
    const text = stringify(data);
    try {
      load(text);
    } catch (error) {
      refused += 1;
      expect(isDrError(error, 'INPUT_INVALID'), `${name}: ${String(error)}`).toBe(true);
      const lines = text.split('\n').length;
      const faults = (isDrError(error) ? error.details['faults'] : []) as unknown as readonly Fault[];
      expect(faults.length, name).toBeGreaterThan(0);
      for (const fault of faults) expect(fault.line >= 1 && fault.line <= lines && fault.column >= 1, `${name}: ${JSON.stringify(fault)}`).toBe(true);
    }
  }
  return { valid: mutations.length - refused, refused };
}

describe('a mutated file is valid or refused with positions', () => {
  it.each(['us-east', 'full', 'lab'])('plan %s', { timeout: 60_000 }, (name) => {
    const { text } = fileOf(`test/fixtures/plans/${name}.yaml`);
    const { valid, refused } = tally(mutationsOf(parse(text) as JsonValue), (mutated) => loadRecoveryPlan({ file: 'm.yaml', text: mutated }));
    expect(refused).toBeGreaterThan(valid);
  });
});

describe.each(globSync('*.yaml', { cwd: 'runbooks' }))('a mutated runbook is valid or refused with positions: %s', (file) => {
  const whole = parse(fileOf(`runbooks/${file}`).text) as { readonly spec: { readonly steps: readonly JsonValue[] } } & JsonObject;
  const plan = fullPlan();
  const load = (mutated: string): unknown => loadRunbook({ file: 'm.yaml', text: mutated }, catalogue, { plan });

  it('is valid as it is shipped, so that what is refused is the mutation', () => {
    load(stringify(whole));
  });

  it('outside of its steps', () => {
    const { steps, ...spec } = whole.spec;
    const head = mutationsOf({ ...whole, spec });
    const { refused } = tally(
      head.map(({ name, data }) => ({ name, data: withSteps(data, steps) })),
      load,
    );
    expect(refused).toBeGreaterThan(10);
  });

  it.each(whole.spec.steps.map((step, index) => [String((step as JsonObject)['id']), index] as const))('step %s', (_, index) => {
    const mutations = mutationsOf(whole.spec.steps[index] as JsonValue).map(({ name, data }) => ({
      name,
      data: withSteps(whole, whole.spec.steps.with(index, data)),
    }));
    const { refused } = tally(mutations, load);
    expect(refused).toBeGreaterThan(3);
  });
});

function withSteps(data: JsonValue, steps: readonly JsonValue[]): JsonValue {
  const { spec } = data as JsonObject;
  const isMap = typeof spec === 'object' && spec !== null && !Array.isArray(spec);
  return isMap ? { ...(data as JsonObject), spec: { ...(spec as JsonObject), steps } } : data;
}
