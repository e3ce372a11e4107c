import { readRun, type StoredRun } from '../engine/run-files.ts';
import { type SenderEnvironment, sendRequest } from '../engine/send-request.ts';
import { DrError } from '../errors/dr-error.ts';
import { isStepId, type RunId, type StepId } from '../model/ids.ts';
import type { Signatures } from '../ports/signatures.ts';

/** Who asks, and with which key it is proven. */
export interface Signer {
  /** Private key file, or the public key file of a key in the agent. */
  readonly keyFile: string;
  /** Principal in the plan's allowed signers file. */
  readonly as: string;
}

/** What a person asks of a running run besides decisions at gates. */
export interface RunAsk {
  readonly run: RunId;
  readonly verb: 'pause' | 'skip' | 'retry' | 'cancel';
  /** For `skip` and `retry`. */
  readonly step?: string;
  /** Needed for `skip`. */
  readonly reason?: string;
  readonly sign?: Signer;
}

/** What asking needs. */
export interface AskTools extends SenderEnvironment {
  readonly signatures: Signatures;
}

/** A request that the owner of a run has accepted. */
export interface AcceptedRequest {
  readonly run: RunId;
  readonly verb: string;
  readonly step?: StepId;
  /** Name of the entry in the run's inbox and journal. */
  readonly request: string;
  readonly by: string;
  readonly signed: boolean;
  readonly at: string;
  /** For `approve`: persons whose approval is still missing. */
  readonly open?: number;
}

/**
 * Asks the process that owns a run to pause or cancel it, to leave a step out, or to try one again, and waits for its answer.
 *
 * Throws `USAGE` for a step that the run does not have, `RUN_NOT_FOUND`, `RUN_NOT_RUNNING`, `REQUEST_REJECTED`, `REQUEST_UNANSWERED`, `PROCESS_FAILED` (the key
 * cannot sign).
 */
export async function askRun(ask: RunAsk, tools: AskTools): Promise<AcceptedRequest> {
  const stored = await readRun(tools.store, ask.run);
  const { verb, reason } = ask;
  const step = ask.step === undefined ? {} : { step: stepOf(stored, ask.step) };
  const body = { verb, by: ask.sign?.as ?? tools.owner.user, ...step, ...(reason === undefined ? {} : { reason }) };
  const { id, at } = await sendRequest(tools, stored, { body, instead: insteadOf(ask, stored), ...signing(ask.sign, tools) });
  return { run: ask.run, verb, ...step, request: id, by: body.by, signed: ask.sign !== undefined, at };
}

/** The function that signs a request, where there is a key. */
export function signing(signer: Signer | undefined, { signatures, signal }: AskTools): { readonly sign?: (text: string) => Promise<string> } {
  return signer === undefined ? {} : { sign: async (text) => await signatures.sign(text, signer.keyFile, signal) };
}

/** A step of the run by its id. Throws `USAGE` with the steps there are. */
export function stepOf({ frozen }: StoredRun, step: string): StepId {
  if (isStepId(step) && frozen.graph.nodes.some((node) => node.id === step)) return step;
  throw new DrError({
    code: 'USAGE',
    message: `run '${frozen.id}' has no step '${step}'`,
    suggestions: [`its steps are: ${frozen.graph.nodes.map((node) => node.id).join(', ')}`],
  });
}

/** What is left to do about a run that another one has followed, which nothing resumes; `undefined` for any other. */
export function ifFollowed({ state }: StoredRun): string | undefined {
  const by = state.supersededBy;
  return by === undefined ? undefined : `run '${by}' has taken its place: lattice-dr status ${by}`;
}

/** The command that does the same to a run that nobody owns. */
function insteadOf({ run, verb, step = '', reason = '<reason>' }: RunAsk, stored: StoredRun): string {
  const followed = ifFollowed(stored);
  if (followed !== undefined) return followed;
  if (verb === 'skip') return `lattice-dr resume ${run} --skip '${step}=${reason}'`;
  if (verb === 'retry') return `lattice-dr resume ${run}`;
  return `nothing is running; to go on: lattice-dr resume ${run}`;
}
