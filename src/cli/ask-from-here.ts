import { type AcceptedRequest, askRun, type RunAsk } from '../operations/ask-run.ts';
import { acceptedText } from '../report/request-text.ts';
import { type SenderFlags, signerOf } from './sender.ts';
import type { Session, StoreFlags } from './session.ts';

/** What `pause`, `skip`, `retry` and `cancel` were given. */
export interface AskCommand {
  readonly run: string;
  readonly verb: RunAsk['verb'];
  readonly step?: string;
  readonly flags: SenderFlags & StoreFlags & { readonly reason?: string | undefined };
}

/** Asks something of a run that another process owns. */
export async function askFromHere(session: Session, command: AskCommand): Promise<{ readonly accepted: AcceptedRequest; readonly text: string }> {
  const { verb, step, flags } = command;
  const { reason } = flags;
  const { store, run } = await session.openRun(command.run, flags);
  const about = { ...(step === undefined ? {} : { step }), ...(reason === undefined ? {} : { reason }) };
  const accepted = await askRun({ run, verb, ...about, ...signerOf(flags) }, await session.askTools(store));
  return { accepted, text: acceptedText(accepted) };
}
