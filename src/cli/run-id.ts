import { latestRun } from '../engine/run-files.ts';
import { begunRuns } from '../engine/run-list.ts';
import { DrError } from '../errors/dr-error.ts';
import { type ClusterName, isRunId, type RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';

/** A run that is looked for in the wrong place. */
const ELSEWHERE = 'name the plan of the cluster with --plan FILE, or the folder with the state of its runs with --state-dir DIRECTORY';

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
      suggestions: ['to list the runs: lattice-dr status'],
    });
  }
  if (cluster !== undefined) return await latestRun(store, cluster);
  const runs = await begunRuns(store);
  const [only] = runs;
  if (only === undefined) throw new DrError({ code: 'RUN_NOT_FOUND', message: `there are no runs in '${store.location}'`, suggestions: [ELSEWHERE] });
  if (runs.length === 1) return only;
  throw new DrError({
    code: 'USAGE',
    message: `there are ${runs.length} runs in '${store.location}': name one, or a plan`,
    suggestions: [`name one as the first argument: ${runs.slice(-5).join(', ')}`, 'to see how they stand: lattice-dr status'],
  });
}
