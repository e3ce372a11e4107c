import type { AcceptedRequest } from '../operations/ask-run.ts';
import { type DecisionWords, decide, type GateDecision } from '../operations/decide.ts';
import { acceptedText } from '../report/request-text.ts';
import { createDecidePrompt } from './decide-prompt.ts';
import { type SenderFlags, signerOf } from './sender.ts';
import type { Session, StoreFlags } from './session.ts';

/** What `approve` and `decline` were given. */
export interface DecideCommand {
  readonly run: string;
  readonly step: string;
  readonly verb: GateDecision['verb'];
  readonly words: DecisionWords;
  readonly flags: SenderFlags & StoreFlags & { readonly shown?: string | undefined; readonly reason?: string | undefined };
  readonly json: boolean;
}

/** Decides at a gate of a run that another process owns, with this terminal where there is one. */
export async function decideFromHere(session: Session, command: DecideCommand): Promise<{ readonly accepted: AcceptedRequest; readonly text: string }> {
  const { step, verb, words, flags, json } = command;
  const { shown, reason } = flags;
  const { store, run } = await session.openRun(command.run, flags);
  const tools = await session.askTools(store);
  const ask = createDecidePrompt({ verb, words, json, signal: tools.signal, input: process.stdin, output: process.stderr });
  const seen = { ...(shown === undefined ? {} : { shown }), ...(ask === undefined ? {} : { ask }) };
  const accepted = await decide({ run, step, verb, words, ...seen, ...(reason === undefined ? {} : { reason }), ...signerOf(flags) }, tools);
  return { accepted, text: acceptedText(accepted) };
}
