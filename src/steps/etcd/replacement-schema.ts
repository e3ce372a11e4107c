import { z } from 'zod';
import type { ReadContext } from '../../engine/step.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { StepPorts } from '../ports.ts';
import type { Joining } from './join.ts';
import { ifMemberAnswers } from './member-access.ts';
import { machinesOf, type PlaneMachine, planeWith } from './plane.ts';

/** The member that is replaced, as it was found before anything was touched. Ids are decimal text. */
export const replacement = z.object({
  node: z.string(),
  remove: z.array(z.object({ id: z.string(), name: z.string() })),
  others: z.array(z.string()),
  members: z.number(),
});

/** What every step that replaces a member is given. */
export const replaceWith = planeWith.extend({ replacement });
type Ctx = ReadContext<z.output<typeof replaceWith>, StepPorts>;

/** The machine that gets a member anew. */
export async function target(ctx: Ctx): Promise<PlaneMachine> {
  const found = (await machinesOf(ctx)).find(({ node }) => node.name === ctx.with.replacement.node);
  if (found !== undefined) return found;
  throw new DrError({ code: 'INPUT_INVALID', message: `the plan has no control-plane node '${ctx.with.replacement.node}' any more` });
}

/** A member that has a leader now, whichever had one when the run began. Throws `ETCD_UNAVAILABLE`. */
export async function leading(ctx: Ctx): Promise<PlaneMachine> {
  for (const machine of (await machinesOf(ctx)).filter(({ node }) => ctx.with.replacement.others.includes(node.name))) {
    const status = await ifMemberAnswers(machine, ctx, async (etcd, signal) => await etcd.status(signal));
    if (status !== undefined && status.leader !== '0') return machine;
  }
  throw new DrError({
    code: 'ETCD_UNAVAILABLE',
    message: `none of ${ctx.with.replacement.others.join(', ')} has a leader: quorum was lost meanwhile`,
    suggestions: ['see what is wrong: lattice-dr diagnose'],
  });
}

/** The machine as one that joins. */
export async function joiningOf(ctx: Ctx): Promise<Joining> {
  return { ...(await target(ctx)), leader: await leading(ctx) };
}
