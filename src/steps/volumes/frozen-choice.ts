import type { z } from 'zod';
import type { Observation, ReadContext, StepContext, Verification } from '../../engine/step.ts';
import type { JsonObject } from '../../model/json.ts';
import type { StepPorts } from '../ports.ts';

/** A choice that a step makes once and that every resume reads back, because what it was made from goes on changing. */
export interface FrozenChoice<W, O> {
  /** What it is, for the message that it cannot be read back: `choice of sources`. */
  readonly what: string;
  readonly schema: z.ZodType<O>;
  /** Name of the run's file it is kept in; what of the input it depends on is in the name. */
  readonly fileOf: (ctx: ReadContext<W, StepPorts>) => string;
  readonly choose: (ctx: ReadContext<W, StepPorts>) => Promise<O>;
  /** What is shown of it; the outputs hold all. */
  readonly evidenceOf: (chosen: O) => JsonObject;
}

/** Functions of a step, for its definition. */
interface FrozenFunctions<W, O> {
  observe(ctx: ReadContext<W, StepPorts>): Promise<Observation<O>>;
  execute(ctx: StepContext<W, StepPorts>): Promise<void>;
  verify(ctx: ReadContext<W, StepPorts>): Promise<Verification<O>>;
}

/** The functions of a step that makes a choice and keeps it with the run; what it would choose is for `plan`. */
export function frozenChoice<W, O>(choice: FrozenChoice<W, O>): FrozenFunctions<W, O> {
  const { what, schema, fileOf, choose, evidenceOf } = choice;
  const kept = async (ctx: ReadContext<W, StepPorts>): Promise<O | undefined> => {
    const file = await ctx.files.read(fileOf(ctx));
    return file === undefined ? undefined : schema.parse(JSON.parse(Buffer.from(file).toString()));
  };
  return {
    async observe(ctx) {
      const chosen = await kept(ctx);
      return chosen === undefined ? { state: 'absent', evidence: {} } : { state: 'present', outputs: chosen, evidence: evidenceOf(chosen) };
    },
    async execute(ctx) {
      await ctx.keep(fileOf(ctx), Buffer.from(`${JSON.stringify(await choose(ctx), undefined, 2)}\n`));
    },
    async verify(ctx) {
      const chosen = await kept(ctx);
      if (chosen === undefined) return { ok: false, reason: `the ${what} cannot be read back`, evidence: {} };
      return { ok: true, outputs: chosen, evidence: evidenceOf(chosen) };
    },
  };
}
