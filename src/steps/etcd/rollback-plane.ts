import { z } from 'zod';
import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import { isRunId } from '../../model/ids.ts';
import type { StepPorts } from '../ports.ts';
import { planeWith } from './plane.ts';

/** What takes a restore back is given: the run that is taken back, and the control plane as that run found it. */
export const rollbackWith = planeWith.extend({ of: z.string() });
export type RollbackWith = z.output<typeof rollbackWith>;
type Ctx = ReadContext<RollbackWith, StepPorts>;

/** Names of what the other run has put aside are made of its id. */
export function asOther<C extends Ctx>(ctx: C): C {
  const id = ctx.with.of;
  if (!isRunId(id)) throw new DrError({ code: 'INPUT_INVALID', message: `'${id}' is no id of a run` });
  return { ...ctx, run: { ...ctx.run, id } };
}
