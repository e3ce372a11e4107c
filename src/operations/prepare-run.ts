import type { StepGraph } from '../engine/graph-types.ts';
import type { StepCatalogue } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import { digestOfJson } from '../model/digest.ts';
import { type ClusterName, isClusterName } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Resolution } from '../model/resolution.ts';
import type { Git } from '../ports/git.ts';
import { faultsError } from '../runbook/faults.ts';
import { type LoadedPlan, loadRecoveryPlan, readRecoveryPlan } from '../runbook/load-plan.ts';
import { resolveRunbook } from '../runbook/resolve.ts';
import type { RunMode } from '../runbook/runbook.ts';
import { type LoadedRunbook, validateRunbook } from '../runbook/validate.ts';
import type { SourceFile } from '../runbook/yaml-source.ts';
import type { StepPorts } from '../steps/ports.ts';
import { anchorPaths } from './anchor-paths.ts';

/** An input file, and the folder that paths in it are relative to. */
export interface InputFile extends SourceFile {
  /** Absolute. */
  readonly folder: string;
  /** Name of a runbook that ships with the tool: it is found by that name, wherever the tool is installed. */
  readonly shipped?: string;
}

/** What a person asks for. */
export interface RunRequest {
  readonly plan: InputFile;
  readonly runbook: InputFile;
  /** Values of the runbook's inputs; `commit` is filled in from the plan when it is not given. */
  readonly inputs: JsonObject;
  readonly mode: RunMode;
}

/** A request with every fault found and every choice made. */
export interface PreparedRun {
  readonly cluster: ClusterName;
  readonly plan: LoadedPlan;
  readonly graph: StepGraph;
  /** Where plan and runbook were, and their digests, kept with the run. */
  readonly sources: JsonObject;
}

export interface PrepareTools {
  readonly catalogue: StepCatalogue<StepPorts>;
  readonly git: Git;
  readonly signal: AbortSignal;
}

/** The plan and the runbook of a request, valid. */
export interface LoadedRequest {
  readonly plan: LoadedPlan;
  readonly runbook: LoadedRunbook;
}

/** The runbook input that pins the desired state: a run reads one commit from its first step to its last, and after every resume. */
export const COMMIT_INPUT = 'commit';

/** The runbook input that holds a person's decisions about differing fields. */
export const RESOLUTION_INPUT = 'resolution';

/** A resolution as the value of an input. */
export function resolutionInput(resolution: Resolution): JsonObject {
  return JSON.parse(JSON.stringify(resolution)) as JsonObject;
}

/** The runbook input that lists backups which a person accepts without anything that vouches for them. */
export const ACCEPT_INPUT = 'acceptUnanchored';

/** Reads plan and runbook. Throws one `INPUT_INVALID` with the faults of both. */
export function loadRequest(request: Pick<RunRequest, 'plan' | 'runbook'>, catalogue: StepCatalogue<StepPorts>): LoadedRequest {
  const { plan, faults: planFaults } = readRecoveryPlan(request.plan);
  const { runbook, faults } = validateRunbook(request.runbook, catalogue, plan === undefined ? {} : { plan });
  if (plan === undefined || runbook === undefined) throw faultsError([...planFaults, ...faults]);
  return { plan: { ...plan, values: anchorPaths(plan.values, request.plan.folder) }, runbook };
}

/** Reads a plan alone, with its paths made absolute. Throws one `INPUT_INVALID` with all faults. */
export function loadPlan(file: InputFile): LoadedPlan {
  const plan = loadRecoveryPlan(file);
  return { ...plan, values: anchorPaths(plan.values, file.folder) };
}

/**
 * Makes the graph of a run: validates plan and runbook, makes paths absolute, asks git once which commit the plan's ref names now and fixes it as input.
 * Changes nothing. Throws `INPUT_INVALID` with all faults, `GIT_FAILED`.
 */
export async function prepareRun(request: RunRequest, { catalogue, git, signal }: PrepareTools): Promise<PreparedRun> {
  const { plan, runbook } = loadRequest(request, catalogue);
  const inputs = await pinCommit({ ...request.inputs }, { plan, runbook }, { git, signal });
  const graph = resolveRunbook({ runbook, plan, inputs, mode: request.mode, catalogue });
  return {
    cluster: clusterOf(plan),
    plan,
    graph,
    sources: sourcesOf(request, { plan, runbook }),
  };
}

function sourcesOf({ plan: { file, folder }, runbook: { file: book, shipped } }: RunRequest, { plan, runbook }: LoadedRequest): JsonObject {
  const runbookDigest = digestOfJson(runbook.source.data as JsonObject);
  return { plan: file, planFolder: folder, planDigest: plan.digest, runbook: book, runbookDigest, ...(shipped === undefined ? {} : { shipped }) };
}

/** Name of the cluster that a plan is about. */
export function clusterOf({ plan }: LoadedPlan): ClusterName {
  const { name } = plan.spec.cluster;
  if (isClusterName(name)) return name;
  throw new DrError({ code: 'BUG', message: `a valid plan names cluster '${name}', which is no cluster name` });
}

async function pinCommit(
  inputs: JsonObject,
  { plan, runbook }: LoadedRequest,
  { git, signal }: { readonly git: Git; readonly signal: AbortSignal },
): Promise<JsonObject> {
  if (inputs[COMMIT_INPUT] !== undefined || runbook.runbook.spec.inputs[COMMIT_INPUT] === undefined) return inputs;
  const source = plan.values['specs'] as { readonly git: { readonly repository: string; readonly ref: string; readonly paths: readonly string[] } };
  return { ...inputs, [COMMIT_INPUT]: await git.resolve(source.git, signal) };
}
