import { z } from 'zod';
import type { StepContext } from '../../engine/step.ts';
import type { Hold } from '../../model/hold.ts';
import type { StepPorts } from '../ports.ts';
import { fencedWith } from './fence-schema.ts';
import type { Prepared } from './prepared-schema.ts';

/** `scrubbed`: Clusters that could not be read in the data, and that `etcd/scrub` has found running and paused. */
export const pausedWith = fencedWith.extend({ scrubbed: z.array(z.string()).optional() });

export interface PausedWith {
  readonly prepared: Prepared;
  readonly scrubbed?: readonly string[] | undefined;
}

/** Clusters that a run has paused, in the data or at the API server, by `<namespace>/<name>`. One that was paused before is none of them. */
export function pausedByRun({ prepared: { changes }, scrubbed }: PausedWith): readonly string[] {
  return [...changes.paused, ...(scrubbed ?? changes.unpaused)];
}

/** What stays put aside when a run ends before `etcd/unpause`. A rollback undoes it with the data, so it is a hold only once there is no way back. */
export function pausedHolds(given: PausedWith): readonly Hold[] {
  return pausedByRun(given).map((name) => ({
    id: idOf(name),
    kind: 'cluster-api',
    subject: `Cluster ${name} is paused: Cluster API replaces none of its machines and scales nothing`,
    prior: { paused: false },
    releaseWhen: 'its Machines are those of the provider: approve the step that lets Cluster API work again, or set spec.paused to false',
  }));
}

/** Journals which Clusters Cluster API works on again, whoever gave them back. */
export async function releasePaused(ctx: StepContext<PausedWith, StepPorts>): Promise<void> {
  const held = new Set(ctx.holds().map(({ id }) => id));
  for (const id of pausedByRun(ctx.with).map(idOf)) if (held.has(id)) await ctx.released(id);
}

function idOf(name: string): string {
  return `cluster-api/${name}`;
}
