import type { z } from 'zod';
import type { ReadContext } from '../../../engine/step.ts';
import { DrError } from '../../../errors/dr-error.ts';
import type { StepPorts } from '../../ports.ts';
import type { fencedWith } from '../fence-schema.ts';
import { answeringMachines, type PlaneMachine } from '../plane.ts';

/** What every step on servers of rke2 is given. */
export type Rke2Ctx = ReadContext<z.output<typeof fencedWith>, StepPorts>;

/** The seed, and the servers that join it, in order. */
export interface Servers {
  readonly seed: PlaneMachine;
  readonly joining: readonly PlaneMachine[];
}

/** Servers that take part: those that answered when the run began. */
export async function serversOf(ctx: Rke2Ctx): Promise<Servers> {
  const { node, joining } = ctx.with.prepared.seed;
  const all = new Map((await answeringMachines(ctx)).map((machine) => [machine.node.name, machine]));
  const named = (name: string): readonly PlaneMachine[] => [all.get(name)].filter((machine) => machine !== undefined);
  const [first] = named(node);
  if (first === undefined) throw new DrError({ code: 'BUG', message: `the seed ${node} is none of the servers` });
  return { seed: first, joining: joining.flatMap(named) };
}
