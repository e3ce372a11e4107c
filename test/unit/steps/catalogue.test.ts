import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { catalogue } from '../../../src/steps/catalogue.ts';

describe.each([...catalogue])('step kind %s', (name, kind) => {
  it('is listed under its own name, by system and verb', () => {
    expect(kind.kind).toBe(name);
    expect(name).toMatch(/^[a-z][a-z0-9]*\/[a-z]+$/);
  });

  it('can be done by hand from the printed runbook', () => {
    expect(kind.verifies).toMatch(/^\S.{20,160}\S$/);
    expect(kind.byHand?.length ?? 0).toBeGreaterThan(0);
    for (const action of kind.byHand ?? []) expect(action).toMatch(/^\S[^\n]{15,240}\S$/);
  });

  it('declares effects exactly when it destroys, each with what is lost', () => {
    expect(kind.effects.length > 0).toBe(kind.risk === 'destructive');
    for (const effect of kind.effects) expect(effect).toMatchObject({ name: expect.stringMatching(/^[a-z-]+$/), destroys: expect.stringMatching(/\S{3}/) });
  });

  it('is done again with a changed input only if that destroys nothing, and names fields that it has', () => {
    if (kind.whenChanged === 'again') expect(kind.effects).toEqual([]);
    const { shape } = kind.with as unknown as z.ZodObject;
    for (const field of kind.definedBy ?? []) expect(Object.keys(shape)).toContain(field);
  });

  it('has a schema that editors can use, and bounds', () => {
    expect(z.toJSONSchema(kind.with, { io: 'input', target: 'draft-7', unrepresentable: 'any' })).toMatchObject({ type: 'object' });
    expect(kind.timeoutMs).toBeGreaterThan(0);
    expect(kind.retry.attempts).toBeGreaterThanOrEqual(1);
    expect(kind.version).toBeGreaterThanOrEqual(1);
  });
});

describe('a changed input of a step that has succeeded', () => {
  it('is refused by everything that cannot be taken back, and taken over by what converges', () => {
    const answers = Object.fromEntries([...catalogue].map(([name, kind]) => [name, kind.whenChanged ?? (kind.risk === 'read-only' ? 'again' : 'refuse')]));
    expect(answers).toMatchObject({
      'cluster/provision': 'refuse',
      'cluster/retire': 'refuse',
      'volumes/restore': 'refuse',
      'fence/attest': 'refuse',
      'fence/command': 'refuse',
      'lock/parent': 'refuse',
      'lock/release': 'refuse',
      'dns/cutover': 'refuse',
      'secrets/restore': 'again',
      'backup/attach': 'again',
      'specs/apply': 'again',
      'preflight/check': 'again',
      'gate/confirm': 'again',
      'health/verify': 'again',
    });
  });
});
