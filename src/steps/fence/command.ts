import { z } from 'zod';
import { NO_RETRY, type ReadContext, type StepContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { digestOf } from '../../model/digest.ts';
import { planFence } from '../../model/plan/fence.ts';
import { defineStep } from '../define-step.ts';
import { expiryOf, isExpired } from '../fence-expiry.ts';
import { type PlanProgram, runPlanProgram } from '../plan-program.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ fence: planFence });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;
type WriteCtx = StepContext<z.output<typeof withSchema>, StepPorts>;

/** Longest time of one run of the plan's programs. */
const FENCE_LIMIT_MS = 5 * 60_000;
/** A fence that is cut off half-way has this long to finish the machine it is at. */
const FINISH_MS = 60_000;
const NOT_FROM_OUTSIDE = 'not proven from outside: the plan has no fence.off';

const outputs = z.object({
  /** When the proof was made, ISO 8601, UTC: a resume does not make an old one new. */
  provenAt: z.string(),
  /** Until when it counts, ISO 8601, UTC. */
  expiresAt: z.string(),
  /** Whether somebody other than the fence command said so. */
  checked: z.boolean(),
});

/** What is kept of a run of one of the plan's programs. */
const saidSchema = z.object({ at: z.string(), said: z.string(), digest: z.string() });
type Said = z.output<typeof saidSchema>;

async function run(ctx: Ctx, program: Pick<PlanProgram, 'path' | 'command' | 'signal'>): Promise<Said> {
  const { said, digest } = await runPlanProgram({ ...program, timeoutMs: FENCE_LIMIT_MS, killAfterMs: FINISH_MS }, ctx.ports);
  return { at: new Date(ctx.clock.now()).toISOString(), said, digest };
}

function commandOf(ctx: Ctx): readonly string[] {
  if (ctx.with.fence.command !== undefined) return ctx.with.fence.command;
  throw new DrError({ code: 'INPUT_INVALID', message: 'the plan has no fence.command', suggestions: ['give one, or let the runbook use fence/attest'] });
}

/** Asks the check command: exit 0 means that the old cluster is off. Without one nothing can be said. Asked anew each time: machines are switched on again. */
async function isOff(ctx: Ctx, signal: AbortSignal): Promise<{ readonly off: boolean; readonly said: string } | undefined> {
  const { off } = ctx.with.fence;
  if (off === undefined) return undefined;
  try {
    return { off: true, said: (await run(ctx, { path: 'fence.off', command: off, signal })).said };
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    return { off: false, said: error.message };
  }
}

/**
 * Runs the fence command, and gives what it said last: once in a run, once more whenever what it proved has expired, and when the check says that the old cluster is
 * on again.
 */
async function fence(ctx: WriteCtx): Promise<Said> {
  const result = await ctx.effect({
    name: 'fence',
    key: ctx.run.cluster,
    timeoutMs: FENCE_LIMIT_MS,
    check: async (recorded) => {
      const answer = await isOff(ctx, ctx.signal);
      if (answer?.off === true)
        return { state: 'done', result: { at: new Date(ctx.clock.now()).toISOString(), said: answer.said, digest: digestOf(answer.said) } };
      if (answer !== undefined || recorded === undefined) return { state: 'todo', evidence: answer === undefined ? {} : { check: answer.said } };
      // Nobody but the command can say, so what it said stands for as long as the plan says: asked again with every resume, a proof would never get old.
      const expiresAt = expiryOf(saidOf(ctx, recorded.result).at, ctx.with.fence.expires);
      return isExpired(expiresAt, ctx.clock.now()) ? { state: 'todo', evidence: { expiredAt: expiresAt } } : { state: 'done', result: recorded.result };
    },
    run: (signal) => run(ctx, { path: 'fence.command', command: commandOf(ctx), signal }),
  });
  return saidOf(ctx, result);
}

/** Runs of earlier versions recorded what the command printed and no time: it cannot have been before the run began. */
function saidOf(ctx: Ctx, result: unknown): Said {
  const said = saidSchema.safeParse(result);
  return said.success ? said.data : { at: ctx.run.startedAt, said: '', digest: digestOf(String(result)) };
}

/** Outputs of a check that has just said so. */
function provenNow({ clock, with: { fence: plan } }: Ctx): z.output<typeof outputs> {
  const now = clock.now();
  return { provenAt: new Date(now).toISOString(), expiresAt: expiryOf(now, plan.expires), checked: true };
}

/**
 * Proves that the old cluster cannot act, by the plan's own commands: `command` switches it off, `off` asks whether it is off. Exit 0 is the proof;
 * unreachable alone never is. Without `off` nobody but the command itself has said so, which is shown, and the runbook asks a person besides. `command` must be
 * safe to repeat.
 */
export const fenceCommand = defineStep({
  kind: 'fence/command',
  version: 2,
  summary: 'switches the old cluster off and proves that it cannot act',
  verifies: 'runs the check command of the plan (fence.off): exit 0 says that the old cluster is off',
  byHand: [
    'power every old machine off at the provider, or cut its network there; that it does not answer is no proof',
    'read its state back from the provider and note the time',
  ],
  with: withSchema,
  outputs,
  risk: 'destructive',
  safety: true,
  timeoutMs: 10 * 60_000,
  retry: NO_RETRY,
  effects: [{ name: 'fence', destroys: 'whatever of the old cluster still runs' }],
  async observe(ctx) {
    const answer = await isOff(ctx, ctx.signal);
    if (answer?.off !== true) return { state: 'absent', evidence: { check: answer?.said ?? 'the plan has no fence.off' } };
    return { state: 'present', outputs: provenNow(ctx), evidence: { check: answer.said } };
  },
  async plan(ctx) {
    const note = `switches cluster ${ctx.run.cluster} off${ctx.with.fence.off === undefined ? `; ${NOT_FROM_OUTSIDE}` : ''}`;
    return [{ verb: 'run', subject: commandOf(ctx).join(' '), note }];
  },
  async execute(ctx) {
    await fence(ctx);
  },
  async verify(ctx) {
    const answer = await isOff(ctx, ctx.signal);
    if (answer === undefined) {
      const { at, said } = await fence(ctx);
      return {
        ok: true,
        outputs: { provenAt: at, expiresAt: expiryOf(at, ctx.with.fence.expires), checked: false },
        evidence: { proof: `the fence command ended with exit 0; ${NOT_FROM_OUTSIDE}`, said },
      };
    }
    if (!answer.off) {
      throw new DrError({
        code: 'FENCE_NOT_PROVEN',
        message: `the fence command succeeded, but its check says that the old cluster can still act: ${answer.said}`,
        suggestions: ['switch the old machines off by hand, then resume'],
      });
    }
    return { ok: true, outputs: provenNow(ctx), evidence: { proof: answer.said } };
  },
});
