import type { OwnerEnvironment, RunEnvironment, RunResult } from '../engine/run-options.ts';
import type { ClusterName, RunId } from '../model/ids.ts';
import type { PlanTools } from '../operations/plan-run.ts';
import { clusterOf, loadPlan, type RunRequest } from '../operations/prepare-run.ts';
import type { ReleaseTools } from '../operations/release.ts';
import type { ShowRequest } from '../operations/show-runbook.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { ClosingCommands } from '../report/closing-lines.ts';
import { createExpressionEvaluator } from '../runbook/expressions.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';
import { catalogue } from '../steps/catalogue.ts';
import type { StepPorts } from '../steps/ports.ts';
import { HOLD_RELEASERS } from '../steps/release.ts';
import type { CommandContext } from './command-context.ts';
import { type Composition, compose } from './compose.ts';
import { type DecisionFlags, type OwnerFlags, parseDecisions, parseInputs } from './decisions.ts';
import { executeRun } from './execute-run.ts';
import { readInputFile } from './input-files.ts';
import { chooseRun } from './run-id.ts';
import { readRunbook } from './runbook-files.ts';
import { stateFolder, storeFlag } from './state-store.ts';

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
}

/** The result of a run, with the commands that follow it. */
export type ReportedRun = RunResult & { readonly commands: ClosingCommands };

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
    return { plan, runbook, inputs: parseInputs(flags.input), mode: flags.mode ?? 'recovery' };
  }

  /** A runbook to look at, with its plan if one was named. */
  async showRequest(flags: Pick<RequestFlags, 'runbook' | 'input' | 'mode'> & StoreFlags): Promise<ShowRequest> {
    const runbook = await readRunbook(flags.runbook, this.#context.root);
    const plan = flags.plan === undefined ? {} : { plan: await readInputFile(flags.plan, 'plan') };
    return { runbook, ...plan, inputs: parseInputs(flags.input), mode: flags.mode ?? 'recovery' };
  }

  /** The run state that `--state-dir`, else the plan, else the default leads to, and the cluster of the plan if one was named. */
  async openStore(flags: StoreFlags): Promise<{ readonly store: RunStore; readonly cluster: ClusterName | undefined }> {
    const plan = await readPlan(flags.plan);
    const store = await this.composition.openStore(stateFolder({ flag: flags['state-dir'], plan, env: this.#context.env }));
    return { store, cluster: plan === undefined ? undefined : clusterOf(plan) };
  }

  /** The run state, and the run that is meant. */
  async openRun(named: string | undefined, flags: StoreFlags): Promise<{ readonly store: RunStore; readonly run: RunId }> {
    const { store, cluster } = await this.openStore(flags);
    return { store, run: await chooseRun(store, { named, cluster }) };
  }

  /** Executes a run before the eyes of the person, prints what it came to, and fixes the exit code. */
  async execute(store: RunStore, flags: DecisionFlags, work: (env: RunEnvironment<StepPorts>) => Promise<RunResult>): Promise<ReportedRun> {
    const decisions = parseDecisions(flags);
    const owner = await this.owner(store, flags);
    const { result, commands, text } = await executeRun({ ...this.#context, composition: this.composition, owner, decisions }, work);
    this.#context.print(text);
    if (result.error !== undefined) this.#context.endWith(result.error);
    return { ...result, commands };
  }

  /** What owning a run needs. */
  async owner(store: RunStore, flags: OwnerFlags): Promise<OwnerEnvironment> {
    const ownerGone = flags['owner-gone'];
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
    };
  }

  /** What a dry run needs. */
  planTools(): PlanTools {
    const { ports, clock, random } = this.composition;
    return { catalogue, ports, evaluator: createExpressionEvaluator(), clock, random, signal: this.signal };
  }

  /** What releasing holds needs. */
  async releaseTools(store: RunStore, flags: OwnerFlags): Promise<ReleaseTools> {
    return { env: await this.owner(store, flags), clusters: this.composition.ports.clusters, releasers: HOLD_RELEASERS, signal: this.signal };
  }

  /** Aborts when a signal asks for an end. */
  get signal(): AbortSignal {
    return this.#context.interrupts.signal;
  }

  /** The command that goes on with a run. */
  resumeCommand(store: RunStore, run: RunId): string {
    return this.#context.commandLine('resume', run, ...storeFlag(store, this.#context.env));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.composition[Symbol.asyncDispose]();
  }
}

async function readPlan(path: string | undefined): Promise<LoadedPlan | undefined> {
  return path === undefined ? undefined : loadPlan(await readInputFile(path, 'plan'));
}
