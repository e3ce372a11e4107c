import type { StepGraph } from '../engine/graph-types.ts';
import { resumeRun } from '../engine/resume-run.ts';
import { type FrozenRun, readRun } from '../engine/run-files.ts';
import type { ResumeRunOptions, RunEnvironment, RunResult } from '../engine/run-options.ts';
import { stamping } from '../engine/run-scope.ts';
import { DrError, isDrError } from '../errors/dr-error.ts';
import type { RunId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Resolution } from '../model/resolution.ts';
import type { StepPorts } from '../steps/ports.ts';
import { ACCEPT_INPUT, COMMIT_INPUT, type InputFile, loadRequest, type PreparedRun, prepareRun, RESOLUTION_INPUT, resolutionInput } from './prepare-run.ts';

export interface ResumeRequest {
  readonly run: RunId;
  /** Reads an input file by its absolute path; `undefined` when it does not exist any more. */
  readonly readFile: (path: string) => Promise<InputFile | undefined>;
  /** Reads a runbook that ships with the tool by its name; `undefined` when there is none of that name. */
  readonly readShipped?: (name: string) => Promise<InputFile | undefined>;
  /** A plan that is at hand. `taken`: the command names it, so the run is to go by it; else it only stands in for one that is gone. */
  readonly plan?: { readonly file: InputFile; readonly taken: boolean };
  /** The runbook that the run is to go by. */
  readonly runbook?: InputFile;
  /** Commit, branch or tag of the specs that the run is to go by; a branch or tag is resolved once. */
  readonly commit?: string;
  /** Decisions about differing fields that the run is to go by. */
  readonly resolution?: Resolution;
  /** Backups that are accepted from now on besides, though nothing outside of their bucket vouches for them. */
  readonly acceptUnanchored?: readonly string[];
  /** The command line that resumes this run with these flags besides. */
  readonly command?: (...flags: readonly string[]) => string;
}

/** Plan and runbook as they are now. */
interface Files {
  readonly plan: InputFile;
  readonly runbook: InputFile;
}

/**
 * Goes on with a run: everything it did is looked at again in the world. Plan and runbook are read again where they were, a shipped runbook by its name; a
 * difference stops with `RUN_CHANGED`, unless the request names what has changed: then it is taken over as far as it touches nothing that is done. A plan that
 * only lies elsewhere now is no difference. When a file is gone, which a disaster may well bring about, the run goes on with what was fixed, and says so.
 */
export async function resume(request: ResumeRequest, env: RunEnvironment<StepPorts>): Promise<RunResult> {
  const { frozen } = await readRun(env.store, request.run);
  const files = await findFiles(request, frozen, env);
  const options = files === undefined ? {} : await compared(request, { frozen, files, env });
  return await resumeRun({ ...env, run: request.run, ...options });
}

/** `undefined` when a file is gone and none of them is to be taken over. */
async function findFiles(request: ResumeRequest, frozen: FrozenRun, env: RunEnvironment<StepPorts>): Promise<Files | undefined> {
  const { sources } = frozen;
  const [planPath, runbookPath] = [String(sources['plan']), String(sources['runbook'])];
  const taken = request.plan?.taken === true ? request.plan.file : undefined;
  const plan = taken ?? (await request.readFile(planPath)) ?? request.plan?.file;
  const runbook = request.runbook ?? (await readRunbookAgain(request, sources));
  if (plan !== undefined && runbook !== undefined) return { plan, runbook };
  const gone = [...(plan === undefined ? [planPath] : []), ...(runbook === undefined ? [runbookPath] : [])].join(' and ');
  if (isWish(request)) throw cannotCompare(gone);
  say(env, frozen, `${gone} cannot be read: going on with what was fixed when the run started`);
  return undefined;
}

async function readRunbookAgain({ readFile, readShipped }: ResumeRequest, sources: JsonObject): Promise<InputFile | undefined> {
  const name = sources['shipped'];
  const shipped = typeof name === 'string' ? await readShipped?.(name) : undefined;
  return shipped ?? (await readFile(String(sources['runbook'])));
}

function isWish({ plan, runbook, commit, resolution, acceptUnanchored }: ResumeRequest): boolean {
  return plan?.taken === true || [runbook, commit, resolution, acceptUnanchored].some((wish) => wish !== undefined);
}

interface Comparison {
  readonly frozen: FrozenRun;
  readonly files: Files;
  readonly env: RunEnvironment<StepPorts>;
}

type Compared = Pick<ResumeRunOptions, 'graph' | 'change' | 'changeCommand'>;

/** Resolves plan and runbook again, once as if the plan still lay where it did, to compare, and once as it lies now, to go on with. */
async function compared(request: ResumeRequest, { frozen, files, env }: Comparison): Promise<Compared> {
  const tools = { catalogue: env.catalogue, git: env.ports.git, signal: env.signal };
  const commit = request.commit === undefined ? {} : { [COMMIT_INPUT]: await resolveCommit(request.commit, files, env) };
  const resolution = request.resolution === undefined ? {} : { [RESOLUTION_INPUT]: resolutionInput(request.resolution) };
  const inputs = { ...frozen.graph.inputs, ...commit, ...resolution, ...acceptedBy(request, frozen) };
  const wanted = { runbook: files.runbook, inputs, mode: frozen.mode };
  const folder = String(frozen.sources['planFolder'] ?? files.plan.folder);
  const there = await prepareRun({ ...wanted, plan: { ...files.plan, folder } }, tools);
  const here = folder === files.plan.folder ? there : await prepareRun({ ...wanted, plan: files.plan }, tools);
  assertSameCluster(frozen, there, files.plan);
  const changed = changedSources(frozen, there);
  if (changed.runbook && isOtherRelease(frozen, env) && !isWish(request)) {
    say(
      env,
      frozen,
      `runbook '${String(frozen.sources['shipped'])}' of version ${env.tool} differs from that of version ${frozen.tool}: going on with what was fixed`,
    );
    return {};
  }
  if (request.commit === undefined) noteOtherRef(frozen, there.graph, env);
  const covered = (!changed.plan || request.plan?.taken === true) && (!changed.runbook || request.runbook !== undefined);
  const isTaken = there.graph.digest === frozen.graph.digest || (isWish(request) && covered);
  const command = request.command?.(...flagsFor(changed, files, commit));
  return {
    graph: there.graph,
    ...(isTaken ? { change: { graph: here.graph, sources: here.sources } } : {}),
    ...(command === undefined ? {} : { changeCommand: command }),
  };
}

/** What was accepted stays so; what is accepted now is added. */
function acceptedBy({ acceptUnanchored = [] }: ResumeRequest, { graph }: FrozenRun): JsonObject {
  if (acceptUnanchored.length === 0) return {};
  const before = graph.inputs[ACCEPT_INPUT];
  return { [ACCEPT_INPUT]: [...new Set([...(Array.isArray(before) ? (before as readonly string[]) : []), ...acceptUnanchored])] };
}

interface ChangedSources {
  readonly plan: boolean;
  readonly runbook: boolean;
}

/** What differs in content, whatever the place: a run of before a digest was kept says nothing of that file. */
function changedSources({ sources }: FrozenRun, { sources: now }: PreparedRun): ChangedSources {
  const differs = (key: string): boolean => sources[key] !== undefined && sources[key] !== now[key];
  return { plan: differs('planDigest'), runbook: differs('runbookDigest') };
}

/** A shipped runbook comes with the tool: another version of the tool is no wish to go by another runbook. */
function isOtherRelease({ sources, tool }: FrozenRun, env: RunEnvironment<StepPorts>): boolean {
  return sources['shipped'] !== undefined && tool !== env.tool;
}

function flagsFor(changed: ChangedSources, { plan, runbook }: Files, commit: JsonObject): readonly string[] {
  const isPlan = changed.plan || (!changed.runbook && commit[COMMIT_INPUT] === undefined);
  return [
    ...(isPlan ? ['--plan', plan.file] : []),
    ...(changed.runbook ? ['--runbook', runbook.shipped ?? runbook.file] : []),
    ...(commit[COMMIT_INPUT] === undefined ? [] : ['--commit', String(commit[COMMIT_INPUT])]),
  ];
}

/** Asks git for the commit that is meant. Throws `USAGE` when the runbook takes none, `GIT_FAILED`. */
async function resolveCommit(named: string, files: Files, env: RunEnvironment<StepPorts>): Promise<string> {
  const { plan, runbook } = loadRequest(files, env.catalogue);
  if (runbook.runbook.spec.inputs[COMMIT_INPUT] === undefined) {
    throw new DrError({ code: 'USAGE', message: `--commit got '${named}', but the runbook '${files.runbook.file}' has no input '${COMMIT_INPUT}'` });
  }
  const { git } = plan.values['specs'] as { readonly git: { readonly repository: string; readonly ref: string; readonly paths: readonly string[] } };
  try {
    return await env.ports.git.resolve({ ...git, ref: named }, env.signal);
  } catch (error) {
    if (!isDrError(error, 'GIT_FAILED')) throw error;
    throw new DrError({
      code: 'GIT_FAILED',
      message: `--commit: ${error.message}`,
      suggestions: ['push it, or name a commit, branch or tag that the repository has'],
      cause: error,
    });
  }
}

function assertSameCluster({ id, cluster }: FrozenRun, prepared: PreparedRun, plan: InputFile): void {
  if (prepared.cluster === cluster) return;
  throw new DrError({
    code: 'RUN_CHANGED',
    message: `run '${id}' is about cluster '${cluster}', and the plan '${plan.file}' is about '${prepared.cluster}'`,
    suggestions: [`name the plan of '${cluster}'`],
  });
}

/** A commit stays pinned whatever the plan's ref says, which somebody who changed the ref would not expect. */
function noteOtherRef(frozen: FrozenRun, now: StepGraph, env: RunEnvironment<StepPorts>): void {
  const [before, after] = [refOf(frozen.graph), refOf(now)];
  const commit = frozen.graph.inputs[COMMIT_INPUT];
  if (commit === undefined || before === after) return;
  say(
    env,
    frozen,
    `the plan's ref is '${after ?? ''}' now, was '${before ?? ''}'; the run stays at commit ${String(commit)}; to go by another: --commit ${after ?? ''}`,
  );
}

function refOf({ plan }: StepGraph): string | undefined {
  return (plan['specs'] as { readonly git?: { readonly ref?: string } } | undefined)?.git?.ref;
}

function say(env: RunEnvironment<StepPorts>, { id }: FrozenRun, message: string): void {
  stamping(env, id)({ type: 'journal', message });
}

function cannotCompare(gone: string): DrError {
  return new DrError({
    code: 'INPUT_INVALID',
    message: `${gone} cannot be read, so what is to be taken over cannot be compared with what the run goes by`,
    suggestions: [
      'name the files that are to be used: --plan FILE --runbook NAME|FILE',
      'or resume without --plan, --runbook, --commit and --accept-unanchored, with what was fixed',
    ],
  });
}
