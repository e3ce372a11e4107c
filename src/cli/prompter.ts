import type { ChangeAnswer, GateAnswer, GateQuestion, Prompter, UnknownAnswer } from '../engine/prompter.ts';
import { changeQuestionText, gateQuestionText, unknownQuestionText } from '../report/gate-text.ts';
import type { RunView } from '../report/run-view.ts';
import type { TypeableCommands } from './typeable-commands.ts';

export interface TerminalPrompterOptions {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** Leaves the terminal while a question stands. */
  readonly view: Pick<RunView, 'pause' | 'resume'>;
  /** Writes commands in a question out in full. */
  readonly typeable: Pick<TypeableCommands, 'in'>;
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
    askChange: async (question, signal) =>
      await withTerminal(options, { text: changeQuestionText(question), signal, ask: async () => await askChange(options, signal) }),
  };
}

interface Asking<T> {
  readonly text: string;
  readonly signal: AbortSignal;
  readonly ask: () => Promise<T>;
}

async function withTerminal<T>({ view, output, typeable, onInterrupt }: TerminalPrompterOptions, { text, signal, ask }: Asking<T>): Promise<T> {
  view.pause();
  output.write(`${typeable.in(text)}\n`);
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

async function askGate(question: GateQuestion, options: TerminalPrompterOptions, signal: AbortSignal): Promise<GateAnswer> {
  if (question.notHere !== undefined) return { answer: 'elsewhere' };
  return await promptGate(question, options, signal);
}

/** Asks for what a gate asks for, where the question itself is on the screen already. */
export async function promptGate(
  { cluster, gate }: Pick<GateQuestion, 'cluster' | 'gate'>,
  { input, output, by }: Pick<TerminalPrompterOptions, 'input' | 'output' | 'by'>,
  signal: AbortSignal,
): Promise<Extract<GateAnswer, { readonly by: string }>> {
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

async function askChange({ input, output, by }: TerminalPrompterOptions, signal: AbortSignal): Promise<ChangeAnswer> {
  const { confirm } = await import('@inquirer/prompts');
  const approved = await confirm({ message: 'go on with it as it is now?', default: false }, { input, output, signal });
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
