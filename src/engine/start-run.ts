import type { Digest } from '../model/digest.ts';
import { newRunId } from '../model/ids.ts';
import { takeCluster } from './claims.ts';
import { checkDecisions } from './decisions.ts';
import { assertStepGraph } from './graph.ts';
import { ownRun } from './own-run.ts';
import { executeRun } from './run.ts';
import { contractsOf, kindOf } from './run-changes.ts';
import { type FrozenRun, freezeRun } from './run-files.ts';
import type { RunResult, StartRunOptions } from './run-options.ts';

/**
 * Starts a run of a resolved graph and executes it: checks graph and decisions, takes the cluster, fixes `run.json`, then runs.
 *
 * Throws, with nothing changed anywhere: `INPUT_INVALID` (graph), `RUN_CHANGED` (a step kind the catalogue does not have), `USAGE` (a decision for no
 * gate), `RUN_LOCKED`, `STORE_FAILED`. From its first step on whatever happens is in the result.
 */
export async function startRun<P>(options: StartRunOptions<P>): Promise<RunResult> {
  const { graph, catalogue, decisions, cluster } = options;
  assertStepGraph(graph);
  for (const node of graph.nodes) kindOf(catalogue, node);
  checkDecisions({ graph, cluster }, decisions);
  const frozen = freeze(options);
  let digest: Promise<Digest> | undefined;
  const prepare = async (): Promise<void> => {
    digest ??= freezeRun(options.store, frozen);
    await digest;
  };
  const taken = await takeCluster({ env: options, cluster, run: frozen.id, prepare });
  const scope = await ownRun({ env: options, frozen, taken, frozenDigest: await digest });
  return await executeRun(scope, false);
}

function freeze<P>({ graph, cluster, mode, sources, tool, clock, random }: StartRunOptions<P>): FrozenRun {
  const now = clock.now();
  const id = newRunId(cluster, now, random.hex(2));
  return { format: 1, id, cluster, mode, tool, startedAt: new Date(now).toISOString(), graph, contracts: contractsOf(graph), sources };
}
