import { z } from 'zod';
import type { ReadContext } from '../engine/step.ts';
import { DrError, isDrError } from '../errors/dr-error.ts';
import { type DurationMs, formatDuration } from '../model/duration.ts';
import { command } from '../model/plan/fields.ts';
import { runPlanProgram } from './plan-program.ts';
import type { StepPorts } from './ports.ts';

/** Longest time that the plan's check of the old machines may take. */
const OFF_LIMIT_MS = 5 * 60_000;

/** Until when proofs of the fence count, as the steps of `fence/` give it on; absent for a part that the runbook has not asked for. ISO 8601, UTC. */
const expiries = {
  /** By the plan's command. */
  commanded: z.string().exactOptional(),
  /** By a person: the old cluster cannot act. */
  stated: z.string().exactOptional(),
  /** By a person: the old cluster cannot write outside. */
  writes: z.string().exactOptional(),
};

/** What a step that destroys relies on. A runbook that leaves it out is not checked. */
export const fencedSchema = z.object({ ...expiries, off: command.exactOptional().describe('The plan’s fence.off: proves anew what the command proved') });

type Fenced = z.output<typeof fencedSchema>;
type FencedCtx = Pick<ReadContext<{ readonly fenced?: Fenced }, StepPorts>, 'with' | 'ports' | 'clock' | 'signal' | 'run' | 'step'>;

const PARTS: Readonly<Record<keyof typeof expiries, string>> = {
  commanded: 'the old cluster was switched off',
  stated: 'the old cluster cannot act',
  writes: 'the old cluster cannot write outside',
};

/** When a proof that was made now, or at `at`, stops to count. */
export function expiryOf(at: number | string, validForMs: DurationMs): string {
  return new Date((typeof at === 'number' ? at : Date.parse(at)) + validForMs).toISOString();
}

/** Whether a proof that counts until `expiresAt` counts no longer. A time that cannot be read has passed. */
export function isExpired(expiresAt: string, nowMs: number): boolean {
  return !(Date.parse(expiresAt) > nowMs);
}

/**
 * To be called right before something is destroyed: every proof of the fence must still count. What the plan's check can prove anew is proven anew. Throws
 * `FENCE_NOT_PROVEN` for any other that has expired: a resume finds it so and asks for it again; and for a check that says that the old cluster can act.
 */
export async function assertStillFenced(ctx: FencedCtx): Promise<void> {
  const { fenced } = ctx.with;
  if (fenced === undefined) return;
  for (const part of Object.keys(expiries) as (keyof typeof expiries)[]) {
    const expiresAt = fenced[part];
    if (expiresAt === undefined || !isExpired(expiresAt, ctx.clock.now())) continue;
    if (part !== 'commanded' || fenced.off === undefined) throw expired(ctx, part, expiresAt);
    await proveOff(ctx, fenced.off);
  }
}

async function proveOff(ctx: FencedCtx, off: readonly string[]): Promise<void> {
  try {
    await runPlanProgram({ path: 'fence.off', command: off, signal: ctx.signal, timeoutMs: OFF_LIMIT_MS }, ctx.ports);
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    throw new DrError({
      code: 'FENCE_NOT_PROVEN',
      message: `before step '${ctx.step}' the check of the fence was asked again, and says that the old cluster can act: ${error.message}`,
      suggestions: ['switch the old machines off, then resume: the fence is made and proven again'],
      cause: error,
    });
  }
}

function expired({ clock, run, step }: FencedCtx, part: keyof typeof expiries, expiresAt: string): DrError {
  const ago = formatDuration(Math.max(0, clock.now() - Date.parse(expiresAt)));
  return new DrError({
    code: 'FENCE_NOT_PROVEN',
    message: `the proof that ${PARTS[part]} expired at ${expiresAt}, ${ago} ago, and step '${step}' relies on it: machines are switched on again`,
    suggestions: [
      `to make it again, or be asked for it: lattice-dr resume ${run.id}`,
      'how long a proof counts is fence.expires of the plan; a run keeps it once its fence is proven',
    ],
  });
}
