import { z } from 'zod';
import { readRun } from '../engine/run-files.ts';
import { glanceAtRuns } from '../engine/run-list.ts';
import { isClusterName } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { recoveryPointSchema } from '../steps/backup/recovery-point-schema.ts';

const chosen = z.object({ recoveryPoints: z.array(recoveryPointSchema.pick({ store: true, name: true })) });

/** Step kinds that bring the data of recovery points back and prove it at each claim. */
const RESTORES = 'volumes/restore';

/** Backups whose volumes a run has brought back and proven, by `store/name`, with the newest such run. */
export async function restoredBackups(store: RunStore, cluster: string): Promise<ReadonlyMap<string, { readonly at: string; readonly run: string }>> {
  const found = new Map<string, { readonly at: string; readonly run: string }>();
  if (!isClusterName(cluster)) return found;
  for (const glance of await glanceAtRuns(store, cluster)) {
    const { frozen, state } = await readRun(store, glance.frozen.id);
    const steps = [...state.steps.values()];
    const restored = frozen.graph.nodes.filter(({ uses }) => uses === RESTORES).map(({ id }) => state.steps.get(id));
    const at = restored.find((step) => step?.state === 'succeeded' && step.verified)?.endedAt;
    if (at === undefined) continue;
    const points = steps.flatMap(({ outputs }) => chosen.safeParse(outputs).data?.recoveryPoints ?? []);
    for (const point of points) found.set(`${point.store}/${point.name}`, { at, run: frozen.id });
  }
  return found;
}
