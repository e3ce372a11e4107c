import type { StepGraph } from '../engine/graph-types.ts';
import { resumeRun } from '../engine/resume-run.ts';
import { type FrozenRun, readRun } from '../engine/run-files.ts';
import type { RunEnvironment, RunResult } from '../engine/run-options.ts';
import type { RunId } from '../model/ids.ts';
import type { StepPorts } from '../steps/ports.ts';
import { type InputFile, prepareRun } from './prepare-run.ts';

export interface ResumeRequest {
  readonly run: RunId;
  /** Reads an input file by its absolute path; `undefined` when it does not exist any more. */
  readonly readFile: (path: string) => Promise<InputFile | undefined>;
}

/**
 * Goes on with a run: everything it did is looked at again in the world. Plan and runbook are read again where they were; a difference stops with
 * `RUN_CHANGED`. When a file is gone, which a disaster may well bring about, the run goes on with what was frozen at its start, and says so.
 */
export async function resume({ run, readFile }: ResumeRequest, env: RunEnvironment<StepPorts>): Promise<RunResult> {
  const { frozen } = await readRun(env.store, run);
  const graph = await resolveAgain(frozen, readFile, env);
  return await resumeRun({ ...env, run, ...(graph === undefined ? {} : { graph }) });
}

async function resolveAgain(frozen: FrozenRun, readFile: ResumeRequest['readFile'], env: RunEnvironment<StepPorts>): Promise<StepGraph | undefined> {
  const paths = [frozen.sources['plan'], frozen.sources['runbook']].map(String);
  const [plan, runbook] = await Promise.all(paths.map(readFile));
  if (plan === undefined || runbook === undefined) {
    const gone = paths.filter((_, index) => [plan, runbook][index] === undefined).join(' and ');
    env.events({
      type: 'journal',
      run: frozen.id,
      at: new Date(env.clock.now()).toISOString(),
      message: `${gone} cannot be read: going on with what was fixed when the run started`,
    });
    return undefined;
  }
  const { graph } = await prepareRun(
    { plan, runbook, inputs: frozen.graph.inputs, mode: frozen.mode },
    { catalogue: env.catalogue, git: env.ports.git, signal: env.signal },
  );
  return graph;
}
