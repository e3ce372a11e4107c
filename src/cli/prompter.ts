import type { GateAnswer, GateQuestion, Prompter, UnknownAnswer } from '../engine/prompter.ts';
import { gateQuestionText, unknownQuestionText } from '../report/gate-text.ts';
import type { RunView } from '../report/run-view.ts';

export interface TerminalPrompterOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Leaves the terminal while a question stands. */
  readonly view: Pick<RunView, 'pause' | 'resume'>;
  /** Who answers, for the journal. */
  readonly by: string;
  /** A prompt takes Ctrl-C away from the process; it is handed on here. */
  readonly onInterrupt: () => void;
}

/** Asks on a terminal: the name of the cluster typed, an approval, a statement. An empty answer is a no. */
export function createTerminalPrompter(options: TerminalPrompterOptions): Prompter {
  return {
    ask: async (question, signal) =>
      await withTerminal(options, { text: gateQuestionText(question), signal, ask: async () => await askGate(question, options, signal) }),
    askUnknown: async (question, signal) =>
      await withTerminal(options, { text: unknownQuestionText(question), signal, ask: async () => await askUnknown(options, signal) }),
  };
}

interface Asking<T> {
  readonly text: string;
  readonly signal: AbortSignal;
  readonly ask: () => Promise<T>;
}

async function withTerminal<T>({ view, output, onInterrupt }: TerminalPrompterOptions, { text, signal, ask }: Asking<T>): Promise<T> {
  view.pause();
  output.write(`${text}\n`);
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Error && error.name === 'ExitPromptError') onInterrupt();
    // What the prompt throws is about the prompt; the run wants to know why it was stopped.
    signal.throwIfAborted();
    throw error;
  } finally {
    view.resume();
  }
}

async function askGate({ cluster, gate }: GateQuestion, { input, output, by }: TerminalPrompterOptions, signal: AbortSignal): Promise<GateAnswer> {
  const prompts = await import('@inquirer/prompts');
  const context = { input, output, signal };
  if (gate.confirm !== undefined) {
    const typed = (await prompts.input({ message: `type the name of the cluster (${cluster}) to go on, nothing to stop:` }, context)).trim();
    return typed === '' ? { answer: 'declined', by } : { answer: 'approved', by, typed };
  }
  if (gate.attest !== undefined) {
    const text = (await prompts.input({ message: `state: ${gate.attest} (nothing to stop):` }, context)).trim();
    return text === '' ? { answer: 'declined', by } : { answer: 'attested', by, text };
  }
  const approved = await prompts.confirm({ message: 'approve?', default: false }, context);
  return { answer: approved ? 'approved' : 'declined', by };
}

async function askUnknown({ input, output, by }: TerminalPrompterOptions, signal: AbortSignal): Promise<UnknownAnswer> {
  const { confirm } = await import('@inquirer/prompts');
  const absent = await confirm(
    { message: 'have you looked, and it has NOT happened, so that it is to be done now?', default: false },
    { input, output, signal },
  );
  return { answer: absent ? 'absent' : 'stop', by };
}
