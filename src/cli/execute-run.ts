import type { Decisions } from '../engine/decisions.ts';
import type { RunEvent } from '../engine/events.ts';
import { NOBODY, type Prompter } from '../engine/prompter.ts';
import type { OwnerEnvironment, RunEnvironment, RunResult } from '../engine/run-options.ts';
import { isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import { goOnCommand } from '../operations/next-commands.ts';
import { readArchive, readArchived } from '../operations/run-archive.ts';
import { reportArchive } from '../operations/run-report.ts';
import { type ClosingCommands, closingLines } from '../report/closing-lines.ts';
import { runSummary } from '../report/run-summary.ts';
import type { RunView } from '../report/run-view.ts';
import { createExpressionEvaluator } from '../runbook/expressions.ts';
import { catalogue } from '../steps/catalogue.ts';
import type { StepPorts } from '../steps/ports.ts';
import { chooseView } from './choose-view.ts';
import type { CommandContext } from './command-context.ts';
import type { Composition } from './compose.ts';
import { failureText, keepCrashOf } from './crash-file.ts';
import { createTerminalPrompter } from './prompter.ts';
import { saveReport } from './save-report.ts';

/** A command that runs steps: who it is, what it may use, what was decided beforehand. */
export interface Execution extends CommandContext {
  readonly composition: Composition;
  readonly owner: OwnerEnvironment;
  readonly decisions: Decisions;
  /** How long questions wait for answers from elsewhere when there is no terminal. */
  readonly waitForAnswersMs: DurationMs;
}

/** What is left of a run to print. */
export interface FinishedRun {
  readonly result: RunResult;
  /** Commands that go on with the run, or show it. */
  readonly commands: ClosingCommands;
  /** File with the stack of what nobody expected. */
  readonly crashFile?: string;
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
  const { owner, composition, decisions, waitForAnswersMs, interrupts, running } = execution;
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
    waitForAnswersMs,
    signatures: composition.signatures,
    signal: interrupts.signal,
  };
}

/** There is somebody to ask only when questions can be seen and answered. */
function prompterOf({ json, interrupts, owner, typeable }: Execution, view: RunView): Prompter {
  const { stdin, stderr } = process;
  if (json || !stdin.isTTY || !stderr.isTTY) return NOBODY;
  const by = owner.owner.user;
  return createTerminalPrompter({ input: stdin, output: stderr, view, typeable, by, onInterrupt: () => interrupts.interrupt('SIGINT') });
}

function trackRunning(running: Set<string>, event: RunEvent): void {
  if (event.type !== 'step-state') return;
  if (event.state === 'running') running.add(event.step);
  else running.delete(event.step);
}

async function sumUp(execution: Execution, result: RunResult): Promise<FinishedRun> {
  const { owner, typeable, commandLine } = execution;
  const { run, error } = result;
  const verb = (name: string, about: string): string => commandLine(name, about, ...typeable.storeFlags);
  const { summary, goOn } = await readBack(owner, result);
  const commands = {
    resume: goOn === undefined ? verb('resume', run) : typeable.in(goOn),
    report: verb('report', run),
    release: verb('release', run),
    status: verb('status', typeof error?.details['by'] === 'string' ? error.details['by'] : run),
  };
  const crash = await keepCrashOf(result, execution);
  const why = typeable.in(failureText(error, crash));
  const text = `\n${summary}${why}\n${closingLines(result, commands).join('\n')}\n`;
  return { result, commands, ...(crash === undefined ? {} : { crashFile: crash.file }), text };
}

/**
 * The run as its journal tells it, where its report is kept (nowhere by an owner that was replaced, because the run is another's now), and for one that waits the
 * command that goes on with it.
 */
async function readBack({ store, tool }: OwnerEnvironment, { run, error }: RunResult): Promise<{ readonly summary: string; readonly goOn?: string }> {
  try {
    const archive = await readArchive(store, run);
    const report = await reportArchive(archive);
    const saved = error?.code === 'RUN_REPLACED' ? '' : await saveReport(store, { report, archive, generator: tool });
    const goOn = error?.kind === 'waiting' ? { goOn: goOnCommand(await readArchived(archive)) } : {};
    return { summary: `${runSummary(report)}${saved}`, ...goOn };
  } catch (failure) {
    if (!isDrError(failure, 'STORE_UNAVAILABLE', 'STORE_FAILED')) throw failure;
    return { summary: `report: not made, ${failure.message}\n` };
  }
}
