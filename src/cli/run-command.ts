import { createExpressionEvaluator } from '../runbook/expressions.ts';
import { type Decisions, NO_DECISIONS } from '../engine/decisions.ts';
import type { RunEvent } from '../engine/events.ts';
import { NOBODY, type Prompter } from '../engine/prompter.ts';
import type { OwnerEnvironment, RunEnvironment, RunResult } from '../engine/run-options.ts';
import type { RunId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { reportRun } from '../operations/run-report.ts';
import type { RunStore } from '../ports/run-store.ts';
import { closingLines } from '../report/closing-lines.ts';
import { errorText } from '../report/error-text.ts';
import { runResultJson } from '../report/run-result-json.ts';
import { runSummary } from '../report/run-summary.ts';
import type { RunView } from '../report/run-view.ts';
import { catalogue } from '../steps/catalogue.ts';
import type { StepPorts } from '../steps/ports.ts';
import { chooseView, type ViewChoice } from './choose-view.ts';
import type { Composition } from './compose.ts';
import type { Interrupts } from './interrupts.ts';
import { createTerminalPrompter } from './prompter.ts';
import { type Environment, storeFlag } from './state-store.ts';

/** What a command that runs steps hands over. */
export interface RunSession {
  readonly composition: Composition;
  readonly store: RunStore;
  readonly interrupts: Interrupts;
  readonly view: Omit<ViewChoice, 'env'>;
  readonly env: Environment;
  /** Version of the tool, for the record. */
  readonly tool: string;
  readonly decisions?: Decisions;
  /** Kept up to date with the steps that run now. */
  readonly running: Set<string>;
  /** A command line of this program that can be pasted. */
  readonly commandLine: (...words: readonly string[]) => string;
}

/** What is left of a run for the command to print. */
export interface FinishedRun {
  readonly result: RunResult;
  readonly json: JsonObject;
  /** For people: the summary, and as its last three lines what became of it, where its state and holds are, and how to go on. */
  readonly text: string;
}

/** Executes a run with a view and a prompter and sums it up. What `work` throws, a run that never began, is passed on. */
export async function runWithView(session: RunSession, work: (env: RunEnvironment<StepPorts>) => Promise<RunResult>): Promise<FinishedRun> {
  const view = await chooseView({ ...session.view, env: session.env });
  let result: RunResult;
  try {
    result = await work(await runEnvironment(session, view));
  } finally {
    await view.close();
  }
  return await finish(session, result);
}

/** What owning a run needs, without a view. */
export async function ownerEnvironment({ composition, store, tool }: Pick<RunSession, 'composition' | 'store' | 'tool'>): Promise<OwnerEnvironment> {
  const { ports, clock, random } = composition;
  const owner = await ports.processes.self();
  return { store, clock, random, owner, isAlive: async (other) => await ports.processes.isAlive(other), tool, events: () => undefined };
}

async function runEnvironment(session: RunSession, view: RunView): Promise<RunEnvironment<StepPorts>> {
  const owner = await ownerEnvironment(session);
  const events = (event: RunEvent): void => {
    trackRunning(session.running, event);
    view.onEvent(event);
  };
  return {
    ...owner,
    events,
    catalogue,
    ports: session.composition.ports,
    evaluator: createExpressionEvaluator(),
    prompter: prompterOf(session, view, owner.owner.user),
    decisions: session.decisions ?? NO_DECISIONS,
    signal: session.interrupts.signal,
  };
}

/** There is somebody to ask only when questions can be seen and answered. */
function prompterOf({ view: { json }, interrupts }: RunSession, view: RunView, by: string): Prompter {
  const { stdin, stderr } = process;
  if (json || !stdin.isTTY || !stderr.isTTY) return NOBODY;
  return createTerminalPrompter({ input: stdin, output: stderr, view, by, onInterrupt: () => interrupts.interrupt('SIGINT') });
}

function trackRunning(running: Set<string>, event: RunEvent): void {
  if (event.type !== 'step-state') return;
  if (event.state === 'running') running.add(event.step);
  else running.delete(event.step);
}

async function finish(session: RunSession, result: RunResult): Promise<FinishedRun> {
  const { store, env, commandLine } = session;
  const where = storeFlag(store, env);
  const verb = (name: string, run: RunId): string => commandLine(name, run, ...where);
  const commands = { resume: verb('resume', result.run), report: verb('report', result.run), release: verb('release', result.run) };
  const summary = runSummary(await reportRun(store, result.run));
  const error = result.error === undefined ? '' : `\n${errorText(result.error)}`;
  return { result, json: runResultJson(result, commands), text: `\n${summary}${error}\n${closingLines(result, commands).join('\n')}\n` };
}
