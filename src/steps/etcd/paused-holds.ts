import type { StepContext } from '../../engine/step.ts';
import type { Hold } from '../../model/hold.ts';
import type { StepPorts } from '../ports.ts';
import type { Prepared } from './prepared-schema.ts';

/** Clusters that a run has paused, in the data or at the API server, by `<namespace>/<name>`. One that was paused before is none of them. */
export function pausedByRun({ changes }: Prepared): readonly string[] {
  return [...changes.paused, ...changes.unpaused];
}

/** What stays put aside when a run ends before `etcd/unpause`. A rollback undoes it with the data, so it is a hold only once there is no way back. */
export function pausedHolds(prepared: Prepared): readonly Hold[] {
  return pausedByRun(prepared).map((name) => ({
    id: idOf(name),
    kind: 'cluster-api',
    subject: `Cluster ${name} is paused: Cluster API replaces none of its machines and scales nothing`,
    prior: { paused: false },
    releaseWhen: 'its Machines are those of the provider: approve the step that lets Cluster API work again, or set spec.paused to false',
  }));
}

/** Journals which Clusters Cluster API works on again, whoever gave them back. */
export async function releasePaused(ctx: StepContext<{ readonly prepared: Prepared }, StepPorts>): Promise<void> {
  const held = new Set(ctx.holds().map(({ id }) => id));
  for (const id of pausedByRun(ctx.with.prepared).map(idOf)) if (held.has(id)) await ctx.released(id);
}

function idOf(name: string): string {
  return `cluster-api/${name}`;
}
