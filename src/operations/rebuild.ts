import type { RunEnvironment, RunResult } from '../engine/run-options.ts';
import { startRun } from '../engine/start-run.ts';
import type { StepPorts } from '../steps/ports.ts';
import { prepareRun, type RunRequest } from './prepare-run.ts';

/**
 * Rebuilds a lost cluster: starts a new run of the given runbook. Throws what is wrong before the run begins (`INPUT_INVALID`, `GIT_FAILED`,
 * `RUN_LOCKED`, `USAGE`); once it has begun, whatever happens is in the result.
 */
export async function rebuild(request: RunRequest, env: RunEnvironment<StepPorts>): Promise<RunResult> {
  const { graph, cluster, sources } = await prepareRun(request, { catalogue: env.catalogue, git: env.ports.git, signal: env.signal });
  return await startRun({ ...env, graph, cluster, mode: request.mode, sources });
}
