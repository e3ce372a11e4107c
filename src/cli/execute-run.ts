import type { Decisions } from '../engine/decisions.ts';
import type { RunEvent } from '../engine/events.ts';
import { NOBODY, type Prompter } from '../engine/prompter.ts';
import type { OwnerEnvironment, RunEnvironment, RunResult } from '../engine/run-options.ts';
import type { RunId } from '../model/ids.ts';
import { reportRun } from '../operations/run-report.ts';
import { type ClosingCommands, closingLines } from '../report/closing-lines.ts';
import { errorText } from '../report/error-text.ts';
import { runSummary } from '../report/run-summary.ts';
import type { RunView } from '../report/run-view.ts';
import { createExpressionEvaluator } from '../runbook/expressions.ts';
import { catalogue } from '../steps/catalogue.ts';
import type { StepPorts } from '../steps/ports.ts';
import { chooseView } from './choose-view.ts';
import type { CommandContext } from './command-context.ts';
import type { Composition } from './compose.ts';
import { createTerminalPrompter } from './prompter.ts';
import { saveReport } from './save-report.ts';
import { storeFlag } from './state-store.ts';

/** A command that runs steps: who it is, what it may use, what was decided beforehand. */
export interface Execution extends CommandContext {
  readonly composition: Composition;
  readonly owner: OwnerEnvironment;
  readonly decisions: Decisions;
}

/** What is left of a run to print. */
export interface FinishedRun {
  readonly result: RunResult;
  /** Commands that go on with the run, or show it. */
  readonly commands: ClosingCommands;
  /** For people: the summary, and as its last three lines what became of it, where its state and holds are, and how to go on. */
  readonly text: string;
}

/** Executes a run with a view and a prompter and sums it up. What `work` throws, a run that never began, is passed on. */
export async function executeRun(execution: Execution, work: (env: RunEnvironment<StepPorts>) => Promise<RunResult>): Promise<FinishedRun> {
  const view = await chooseView({ json: execution.json, stream: process.stderr, env: execution.env });
  let result: RunResult;
  try {
    result = await work(runEnvironment(execution, view));
  } finally {
    await view.close();
  }
  return await sumUp(execution, result);
}

function runEnvironment(execution: Execution, view: RunView): RunEnvironment<StepPorts> {
  const { owner, composition, decisions, interrupts, running } = execution;
  return {
    ...owner,
    events: (event) => {
      trackRunning(running, event);
      view.onEvent(event);
    },
    catalogue,
    ports: composition.ports,
    evaluator: createExpressionEvaluator(),
    prompter: prompterOf(execution, view),
    decisions,
    signal: interrupts.signal,
  };
}

/** There is somebody to ask only when questions can be seen and answered. */
function prompterOf({ json, interrupts, owner }: Execution, view: RunView): Prompter {
  const { stdin, stderr } = process;
  if (json || !stdin.isTTY || !stderr.isTTY) return NOBODY;
  return createTerminalPrompter({ input: stdin, output: stderr, view, by: owner.owner.user, onInterrupt: () => interrupts.interrupt('SIGINT') });
}

function trackRunning(running: Set<string>, event: RunEvent): void {
  if (event.type !== 'step-state') return;
  if (event.state === 'running') running.add(event.step);
  else running.delete(event.step);
}

async function sumUp({ owner, env, commandLine }: Execution, result: RunResult): Promise<FinishedRun> {
  const where = storeFlag(owner.store, env);
  const verb = (name: string, run: RunId): string => commandLine(name, run, ...where);
  const commands = { resume: verb('resume', result.run), report: verb('report', result.run), release: verb('release', result.run) };
  const report = await reportRun(owner.store, result.run);
  const saved = await saveReport(owner.store, report);
  const error = result.error === undefined ? '' : `\n${errorText(result.error)}`;
  return { result, commands, text: `\n${runSummary(report)}${saved}${error}\n${closingLines(result, commands).join('\n')}\n` };
}
