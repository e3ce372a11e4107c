import { z } from 'zod';
import { NO_RETRY, type StepKind } from '../../../src/engine/step.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { World } from './run-harness.ts';

const levelSchema = z.object({ level: z.number(), source: z.string().default(''), max: z.number().default(99) });
type Level = z.infer<typeof levelSchema>;

/** Brings a thing to a level, as often as it takes; above `max` it fails. Counts what it does in `done`. */
export function levelKind(
  kind: string,
  done: string[],
  overrides: Partial<StepKind<Level, { level: number }, World>> = {},
): StepKind<Level, { level: number }, World> {
  let now: number | undefined;
  return {
    kind,
    version: 1,
    summary: 'brings a thing to a level',
    with: levelSchema,
    outputs: z.object({ level: z.number() }),
    risk: 'reversible',
    safety: false,
    timeoutMs: 60_000,
    retry: NO_RETRY,
    effects: [],
    observe: async ({ with: { level } }) => (now === level ? { state: 'present', outputs: { level }, evidence: {} } : { state: 'absent', evidence: {} }),
    plan: async ({ with: { level } }) => [{ verb: 'configure', subject: kind, diffs: [{ path: 'level', to: level }] }],
    execute: async ({ step, with: { level, max } }) => {
      done.push(`${step} to ${level}`);
      if (level > max) throw new DrError({ code: 'STEP_FAILED', message: `level ${level} is too high` });
      now = level;
    },
    verify: async ({ step, with: { level } }) => {
      done.push(`prove ${step} ${level}`);
      return now === level ? { ok: true, outputs: { level }, evidence: {} } : { ok: false, reason: 'another level', evidence: {} };
    },
    ...overrides,
  };
}
