import { z } from 'zod';
import { NO_RETRY, type ReadContext } from '../../engine/step.ts';
import { DrError, isDrError } from '../../errors/dr-error.ts';
import { planFence } from '../../model/plan/fence.ts';
import { defineStep } from '../define-step.ts';
import type { StepPorts } from '../ports.ts';

const withSchema = z.object({ fence: planFence });
type Ctx = ReadContext<z.output<typeof withSchema>, StepPorts>;

/** What a fence command prints is kept as evidence, at most this much. */
const KEPT_OUTPUT_CHARS = 2_000;

const outputs = z.object({ provenAt: z.string() });

async function runArgv(ctx: Ctx, command: readonly string[], signal: AbortSignal): Promise<string> {
  const [file = '', ...args] = command;
  const result = await ctx.ports.processes.run({ file, args, signal, timeoutMs: 300_000 });
  return result.stdout.trim().slice(-KEPT_OUTPUT_CHARS);
}

function commandOf(ctx: Ctx): readonly string[] {
  if (ctx.with.fence.command !== undefined) return ctx.with.fence.command;
  throw new DrError({ code: 'INPUT_INVALID', message: 'the plan has no fence.command', suggestions: ['give one, or let the runbook use fence/attest'] });
}

/** Asks the check command: exit 0 means that the old cluster is off. Without one nothing can be said. */
async function isOff(ctx: Ctx, signal: AbortSignal): Promise<{ readonly off: boolean; readonly said: string } | undefined> {
  const { off } = ctx.with.fence;
  if (off === undefined) return undefined;
  try {
    return { off: true, said: await runArgv(ctx, off, signal) };
  } catch (error) {
    if (!isDrError(error, 'PROCESS_FAILED')) throw error;
    return { off: false, said: error.message };
  }
}

/**
 * Proves that the old cluster cannot act, by the plan's own commands: `command` switches it off, `off` (if given) asks whether it is off. Exit 0 is
 * the proof; unreachable alone never is. `command` must be safe to repeat.
 */
export const fenceCommand = defineStep({
  kind: 'fence/command',
  version: 1,
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
    return { state: 'present', outputs: { provenAt: new Date(ctx.clock.now()).toISOString() }, evidence: { check: answer.said } };
  },
  async plan(ctx) {
    return [{ verb: 'run', subject: commandOf(ctx).join(' '), note: `switches cluster ${ctx.run.cluster} off` }];
  },
  async execute(ctx) {
    await ctx.effect({
      name: 'fence',
      key: ctx.run.cluster,
      timeoutMs: 300_000,
      check: async () => {
        const answer = await isOff(ctx, ctx.signal);
        return answer?.off === true ? { state: 'done', result: answer.said } : { state: 'todo', evidence: {} };
      },
      run: (signal) => runArgv(ctx, commandOf(ctx), signal),
    });
  },
  async verify(ctx) {
    const answer = await isOff(ctx, ctx.signal);
    const provenAt = new Date(ctx.clock.now()).toISOString();
    if (answer === undefined) return { ok: true, outputs: { provenAt }, evidence: { proof: 'the fence command ended with exit 0' } };
    if (!answer.off) {
      throw new DrError({
        code: 'FENCE_NOT_PROVEN',
        message: `the fence command succeeded, but its check says that the old cluster can still act: ${answer.said}`,
        suggestions: ['switch the old machines off by hand, then resume'],
      });
    }
    return { ok: true, outputs: { provenAt }, evidence: { proof: answer.said } };
  },
});
