import type { OwnerEnvironment, RunEnvironment, RunResult } from '../engine/run-options.ts';
import type { StepProgress } from '../engine/step.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Resolution } from '../model/resolution.ts';
import type { AskTools } from '../operations/ask-run.ts';
import type { BackupTools } from '../operations/backup-tools.ts';
import type { LookTools } from '../operations/look-tools.ts';
import type { NextCommand } from '../operations/next-commands.ts';
import type { PlanTools } from '../operations/plan-run.ts';
import { ACCEPT_INPUT, clusterOf, loadPlan, RESOLUTION_INPUT, type RunRequest, resolutionInput } from '../operations/prepare-run.ts';
import type { ReleaseTools } from '../operations/release.ts';
import type { ResumeRequest } from '../operations/resume.ts';
import type { ShowRequest } from '../operations/show-runbook.ts';
import type { RunStore } from '../ports/run-store.ts';
import { createJsonView } from '../report/json-lines.ts';
import { createPlainView } from '../report/plain-lines.ts';
import { createProgressLines } from '../report/progress-lines.ts';
import type { RunView } from '../report/run-view.ts';
import { createExpressionEvaluator } from '../runbook/expressions.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { loadResolution } from '../runbook/load-resolution.ts';
import { catalogue } from '../steps/catalogue.ts';
import type { StepPorts } from '../steps/ports.ts';
import { HOLD_RELEASERS } from '../steps/release.ts';
import type { CommandContext } from './command-context.ts';
import { type Composition, compose } from './compose.ts';
import { type DecisionFlags, type OwnerFlags, parseAccepted, parseDecisions, parseInputs } from './decisions.ts';
import { durationFlag } from './duration-flags.ts';
import { executeRun, type FinishedRun } from './execute-run.ts';
import { readInputFile } from './input-files.ts';
import { joinFlags, type ResumeFlags, resumeRequest } from './resume-request.ts';
import { chooseRun } from './run-id.ts';
import { readRunbook } from './runbook-files.ts';
import { etcdFolder, placeFlags, statePlace } from './state-store.ts';

/** Flags that lead to the state of runs. */
export interface StoreFlags {
  readonly plan?: string | undefined;
  readonly 'state-dir'?: string | undefined;
}

/** Flags that say what to run. */
export interface RequestFlags {
  readonly plan: string;
  readonly runbook: string;
  readonly input?: readonly string[] | undefined;
  readonly mode?: RunRequest['mode'];
  readonly resolution?: string | undefined;
  readonly 'accept-unanchored'?: readonly string[] | undefined;
  /** Inputs that flags of one command stand for. */
  readonly inputs?: JsonObject;
}

/** The result of a run, with the commands that follow it. */
export type ReportedRun = RunResult & Pick<FinishedRun, 'commands' | 'crashFile'>;

/** A command at work: the outside systems, the state of runs, and how to show what happens. Dispose it to close connections. */
export class Session implements AsyncDisposable {
  readonly composition: Composition;
  readonly catalogue = catalogue;
  readonly #context: CommandContext;

  constructor(context: CommandContext) {
    this.#context = context;
    this.composition = compose(context.env);
  }

  /** What a person asks for, with its files read. */
  async request(flags: RequestFlags): Promise<RunRequest> {
    const [plan, runbook] = await Promise.all([readInputFile(flags.plan, 'plan'), readRunbook(flags.runbook, this.#context.root)]);
    const accepted = flags['accept-unanchored'];
    const inputs = {
      ...flags.inputs,
      ...parseInputs(flags.input),
      ...(accepted === undefined ? {} : { [ACCEPT_INPUT]: accepted }),
      ...(flags.resolution === undefined ? {} : { [RESOLUTION_INPUT]: resolutionInput(await this.loadResolution(flags.resolution)) }),
    };
    return { plan, runbook, inputs, mode: flags.mode ?? 'recovery' };
  }

  /** Folder for large files of runs on this machine. */
  get workFolder(): string {
    return etcdFolder(this.#context.env);
  }

  /** A Resolution file. Throws `INPUT_INVALID` with all faults. */
  async loadResolution(path: string): Promise<Resolution> {
    return loadResolution(await readInputFile(path, 'resolution'));
  }

  /** A runbook to look at, with its plan if one was named. */
  async showRequest(flags: Pick<RequestFlags, 'runbook' | 'input' | 'mode'> & StoreFlags): Promise<ShowRequest> {
    const runbook = await readRunbook(flags.runbook, this.#context.root);
    const plan = flags.plan === undefined ? {} : { plan: await readInputFile(flags.plan, 'plan') };
    return { runbook, ...plan, inputs: parseInputs(flags.input), mode: flags.mode ?? 'recovery' };
  }

  /** The run state that `--state-dir`, else the plan, else the default leads to, and the cluster of the plan if one was named. */
  async openStore(flags: StoreFlags, use = { toRead: true }): Promise<{ readonly store: RunStore; readonly cluster: ClusterName | undefined }> {
    const plan = await readPlan(flags.plan);
    const { env } = this.#context;
    const place = statePlace({ flag: flags['state-dir'], plan, env });
    this.#context.typeable.storeFlags = placeFlags(place, { plan: flags.plan, env });
    const store = await this.composition.openStore(place, use);
    return { store, cluster: plan === undefined ? undefined : clusterOf(plan) };
  }

  /** The plan, with its paths made absolute. Throws `INPUT_INVALID` with all faults. */
  async loadPlan(path: string): Promise<LoadedPlan> {
    return loadPlan(await readInputFile(path, 'plan'));
  }

  /** What looking at the world without a run needs. */
  lookTools(): LookTools {
    const { ports, clock } = this.composition;
    return { ports, clock, tool: this.#context.tool, signal: this.signal };
  }

  /** What looking at the backups of a plan's cluster needs. `toRead: false` for what ends with a write, which is not to fail after hours. */
  async backupTools(flags: StoreFlags & { readonly plan: string }, use = { toRead: true }): Promise<BackupTools> {
    const [plan, { store }] = await Promise.all([this.loadPlan(flags.plan), this.openStore(flags, use)]);
    return { ...this.lookTools(), plan, store };
  }

  /** The run state, and the run that is meant. */
  async openRun(named: string | undefined, flags: StoreFlags): Promise<{ readonly store: RunStore; readonly run: RunId }> {
    const { store, cluster } = await this.openStore(flags);
    return { store, run: await chooseRun(store, { named, cluster }) };
  }

  /** What a resume is to go by, with its files read. */
  async resumeRequest(run: RunId, flags: ResumeFlags, { isPlanTyped }: { readonly isPlanTyped: boolean }): Promise<ResumeRequest> {
    const { root, commandLine } = this.#context;
    const command = (...words: readonly string[]): string => commandLine('resume', run, ...joinFlags(this.#context.typeable.storeFlags, words));
    return await resumeRequest({ run, flags, isPlanTyped, root, command });
  }

  /** Starts a run of what a person asks for, in the state that the flags lead to, and executes it as `execute` does. */
  async start(request: RunRequest, flags: StoreFlags & DecisionFlags): Promise<ReportedRun> {
    const { rebuild } = await import('../operations/rebuild.ts');
    // Before anything outside is asked.
    const { store } = await this.openStore(flags, { toRead: false });
    return await this.execute(store, flags, async (env) => await rebuild(request, env));
  }

  /** Executes a run before the eyes of the person, prints what it came to, and fixes the exit code. */
  async execute(store: RunStore, flags: DecisionFlags, work: (env: RunEnvironment<StepPorts>) => Promise<RunResult>): Promise<ReportedRun> {
    const decisions = parseDecisions(flags);
    const owner = await this.owner(store, flags);
    const { text, result, ...rest } = await executeRun(
      { ...this.#context, composition: this.composition, owner, decisions, waitForAnswersMs: durationFlag('wait-for-answers', flags['wait-for-answers']) ?? 0 },
      work,
    );
    this.#context.print(text);
    if (result.error !== undefined) this.#context.endWith(result.error);
    return { ...result, ...rest };
  }

  /** What owning a run needs. */
  async owner(store: RunStore, flags: OwnerFlags): Promise<OwnerEnvironment> {
    const { 'owner-gone': ownerGone, 'take-over': takeOver } = flags;
    const { ports, clock, random } = this.composition;
    const owner = await ports.processes.self();
    return {
      store,
      clock,
      random,
      owner,
      isAlive: async (other) => await ports.processes.isAlive(other),
      tool: this.#context.tool,
      events: () => undefined,
      ...(ownerGone === undefined ? {} : { ownerGone }),
      ...(takeOver === undefined ? {} : { takeOver }),
      signal: this.signal,
    };
  }

  /** What a dry run needs. */
  planTools(flags: StoreFlags & Pick<DecisionFlags, 'accept-pruned'>): PlanTools {
    const { ports, clock, random } = this.composition;
    const openStore = async (): Promise<RunStore> => (await this.openStore(flags)).store;
    return { catalogue, ports, evaluator: createExpressionEvaluator(), clock, random, accept: parseAccepted(flags), openStore, signal: this.signal };
  }

  /** What asking something of a run that another process owns needs. */
  async askTools(store: RunStore): Promise<AskTools> {
    return { ...(await this.owner(store, {})), signatures: this.composition.signatures, signal: this.signal };
  }

  /** What releasing holds needs. */
  async releaseTools(store: RunStore, flags: OwnerFlags): Promise<ReleaseTools> {
    const { json } = this.#context;
    const write = (text: string): void => void process.stderr.write(text);
    const { onEvent } = json ? createJsonView(write) : createPlainView(write);
    return {
      env: { ...(await this.owner(store, flags)), events: onEvent },
      clusters: this.composition.ports.clusters,
      objectStores: this.composition.ports.objectStores,
      sealSignatures: this.composition.ports.sealSignatures,
      releasers: HOLD_RELEASERS,
      signal: this.signal,
    };
  }

  /** Shows events of a run on standard error, as this terminal can. */
  async openView(): Promise<RunView> {
    const { chooseView } = await import('./choose-view.ts');
    return await chooseView({ json: this.#context.json, stream: process.stderr, env: this.#context.env });
  }

  /** Tells on standard error how far something is that no run is about: a line when it says something new, at most one a second for figures. */
  progress(): (progress: StepProgress) => void {
    const { clock } = this.composition;
    return createProgressLines({ write: (text) => void process.stderr.write(text), now: () => clock.monotonic() });
  }

  /** Fixes what is said to the person who ends a command that has nothing to finish. */
  onInterrupt(words: string): void {
    this.#context.interrupts.words = words;
  }

  /** Version of the tool, for the record. */
  get tool(): string {
    return this.#context.tool;
  }

  /** Aborts when a signal asks for an end. */
  get signal(): AbortSignal {
    return this.#context.interrupts.signal;
  }

  /** Commands about runs of the state that was opened, such that they can be typed. */
  typeable(commands: readonly NextCommand[]): readonly NextCommand[] {
    return commands.map(({ why, command }) => ({ why, command: this.#context.typeable.in(command) }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.composition[Symbol.asyncDispose]();
  }
}

async function readPlan(path: string | undefined): Promise<LoadedPlan | undefined> {
  return path === undefined ? undefined : loadPlan(await readInputFile(path, 'plan'));
}
