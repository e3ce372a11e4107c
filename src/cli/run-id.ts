import { latestRun } from '../engine/run-files.ts';
import { begunRuns } from '../engine/run-list.ts';
import { DrError } from '../errors/dr-error.ts';
import { type ClusterName, isRunId, type RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';

/**
 * The run a command is about: the one named, else the last one of the plan's cluster, else the only run there is in the store. Throws `USAGE` for a word
 * that is no run id, and when nothing says which one is meant; `RUN_NOT_FOUND`.
 */
export async function chooseRun(store: RunStore, options: { readonly named: string | undefined; readonly cluster: ClusterName | undefined }): Promise<RunId> {
  const { named, cluster } = options;
  if (named !== undefined) {
    if (isRunId(named)) return named;
    throw new DrError({
      code: 'USAGE',
      message: `'${named}' is no run id (<cluster>-<time>-<4 hex digits>)`,
      suggestions: ['lattice-dr status lists the runs'],
    });
  }
  if (cluster !== undefined) return await latestRun(store, cluster);
  const runs = await begunRuns(store);
  const [only] = runs;
  if (only === undefined) throw new DrError({ code: 'RUN_NOT_FOUND', message: `there are no runs in '${store.location}'` });
  if (runs.length === 1) return only;
  throw new DrError({
    code: 'USAGE',
    message: `there are ${runs.length} runs in '${store.location}': name one, or a plan`,
    suggestions: runs.slice(-5),
  });
}
