import type { DecisionWords, GateDecision, StandingGate } from '../operations/decide.ts';
import { gateQuestionText } from '../report/gate-text.ts';
import { promptGate } from './prompter.ts';

export interface DecidePromptOptions {
  readonly verb: GateDecision['verb'];
  /** What was given on the command line already and is not asked for again. */
  readonly words: DecisionWords;
  readonly json: boolean;
  readonly signal: AbortSignal;
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Shows a gate of another process on this terminal and asks for the decision; absent where nothing can be shown or typed. */
export function createDecidePrompt(options: DecidePromptOptions): GateDecision['ask'] | undefined {
  const { verb, json, input, output } = options;
  if (json || input.isTTY !== true || output.isTTY !== true) return undefined;
  return async (gate) => {
    output.write(`${gateQuestionText(gate)}\n`);
    return verb === 'decline' ? await askForNo(options) : await askForYes(gate, options);
  };
}

async function askForYes(gate: StandingGate, { words, input, output, signal }: DecidePromptOptions): Promise<DecisionWords | undefined> {
  const isTyped = (gate.gate.confirm !== undefined && words.confirm !== undefined) || (gate.gate.attest !== undefined && words.attest !== undefined);
  // What the gate asks for is there; that this person has seen what is shown now is still to be said.
  const asked = isTyped ? { ...gate, gate: { reason: gate.gate.reason, approve: 1 } } : gate;
  const answer = await promptGate(asked, { input, output, by: '' }, signal);
  if (answer.answer === 'declined') return undefined;
  if (answer.answer === 'attested') return { ...words, attest: answer.text };
  return answer.typed === undefined ? words : { ...words, confirm: answer.typed };
}

async function askForNo({ input, output, signal }: DecidePromptOptions): Promise<DecisionWords | undefined> {
  const { confirm } = await import('@inquirer/prompts');
  const declined = await confirm({ message: 'decline?', default: false }, { input, output, signal });
  return declined ? {} : undefined;
}
