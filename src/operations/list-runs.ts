import { listRuns, type RunSummary } from '../engine/run-files.ts';
import type { ClusterName } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';

/** All runs in a store, oldest first, and where the store is. */
export interface RunList {
  readonly location: string;
  readonly runs: readonly RunSummary[];
}

/** Lists runs, optionally of one cluster. Throws `JOURNAL_BROKEN` and `RUN_CHANGED` for a run that was tampered with. */
export async function listAllRuns(store: RunStore, cluster?: ClusterName): Promise<RunList> {
  return { location: store.location, runs: await listRuns(store, cluster) };
}
