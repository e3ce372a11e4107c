import type { StepId } from '../model/ids.ts';
import { consentsOf, isSamePerson, neededAt, refusedBy, rulesOf } from './consents.ts';
import { skipRefusal } from './decisions.ts';
import type { Gate } from './graph-types.ts';
import { type InboxEntry, type InboxRequest, signedText } from './inbox-entry.ts';
import type { SignedRecord } from './journal-entries.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { QuestionRecord } from './step-record.ts';

/** Who asks, as far as it is proven. */
export interface Sender {
  readonly by: string;
  readonly signed?: SignedRecord;
}

/**
 * What lets a run go past something: the plan's rules about persons hold for these. Who stops a run, or has something tried again that the run would try
 * anyway, needs no one's leave.
 */
const RULED = new Set<InboxRequest['verb']>(['approve', 'decline', 'skip']);

/** Why an entry is not for this owner of this run, or `undefined` when it is. */
export function strangeness<P>(scope: RunScope<P>, id: string, { request }: InboxEntry): string | undefined {
  if (request.run !== scope.frozen.id) return `it is for run '${request.run}'`;
  if (request.id !== id) return `it is a copy of the entry '${request.id}'`;
  return request.owner === scope.nonce ? undefined : 'it was sent to an earlier process of this run; send it again';
}

/** Who sent an entry: a signature is verified, and one that does not hold is a refusal even where none is required. */
export async function identify<P>(
  scope: RunScope<P>,
  { request, signature }: InboxEntry,
  signal: AbortSignal,
): Promise<{ readonly sender: Sender } | { readonly refused: string }> {
  const { by } = request;
  if (signature === undefined) return { sender: { by } };
  const { allowedSigners } = rulesOf(scope);
  const { signatures } = scope.env;
  if (allowedSigners === undefined || signatures === undefined) {
    return { refused: 'it is signed, and the plan of the run names no allowed signers file to verify that (spec.approvals.allowedSigners)' };
  }
  const check = await signatures.verify({ text: signedText(request), signature, principal: by }, allowedSigners, signal);
  return check.ok ? { sender: { by, signed: { principal: by, key: check.key } } } : { refused: check.reason };
}

/** Why a request cannot be met as the run stands now, or `undefined` when it can. Looks only at what is in the journal and at what runs. */
export function refusalOf<P>(scope: RunScope<P>, request: InboxRequest, sender: Sender): string | undefined {
  if (scope.operator.isClosed) return 'the run is ending';
  const unruled = RULED.has(request.verb) ? refusedBy(rulesOf(scope), sender) : undefined;
  if (unruled !== undefined) return unruled;
  if (request.verb === 'pause' || request.verb === 'cancel') return undefined;
  const { step } = request;
  if (step === undefined) return `it names no step, and '${request.verb}' is about one`;
  if (!scope.frozen.graph.nodes.some((node) => node.id === step)) return `there is no step '${step}' in this run`;
  if (request.verb === 'skip') return skipRefusalNow(scope, step, request);
  return request.verb === 'retry' ? retryRefusal(scope, step) : gateRefusal(scope, { step, request, sender });
}

function skipRefusalNow<P>(scope: RunScope<P>, step: StepId, { reason = '' }: InboxRequest): string | undefined {
  if (reason.trim() === '') return 'it gives no reason, and a skip needs one';
  const refusal = skipRefusal({ graph: scope.frozen.graph, state: scope.journal.state }, step);
  if (refusal !== undefined) return `step '${step}' ${refusal}`;
  const { state } = recordOf(scope, step);
  return state === 'running' || state === 'succeeded' || state === 'skipped' ? `step '${step}' is ${state}` : undefined;
}

function retryRefusal<P>(scope: RunScope<P>, step: StepId): string | undefined {
  const { state, skip } = recordOf(scope, step);
  if (scope.operator.isBetweenTries(step) || skip !== undefined) return undefined;
  const isStopped = state === 'failed' || (state === 'waiting' && scope.operator.questionOf(step) === undefined);
  return isStopped ? undefined : `step '${step}' is ${state}: it has not failed and does not wait for another try`;
}

interface Decision {
  readonly step: StepId;
  readonly request: InboxRequest;
  readonly sender: Sender;
}

function gateRefusal<P>(scope: RunScope<P>, { step, request, sender }: Decision): string | undefined {
  const { state, asked } = recordOf(scope, step);
  if (state !== 'waiting' || asked === undefined) return `step '${step}' does not wait for a decision now, it is ${state}`;
  if (request.shown === undefined) return 'it does not say what was shown (shown), and a decision is bound to that';
  if (request.shown !== asked.shown) return `it is stale: it was shown ${request.shown}, and what step '${step}' asks about now is ${asked.shown}; look again`;
  if (request.verb === 'decline') {
    return scope.operator.questionOf(step) === undefined ? `the question of step '${step}' no longer stands: the run ends when what runs has ended` : undefined;
  }
  const given = consentsOf(scope, step, asked.shown);
  if (given.some((decision) => isSamePerson(decision, sender))) return `'${sender.by}' has approved step '${step}' already, and another person must`;
  return formRefusal(scope, asked, request);
}

function formRefusal<P>({ frozen }: RunScope<P>, { gate }: QuestionRecord, { confirm, attest = '' }: InboxRequest): string | undefined {
  if (gate.confirm !== undefined && confirm !== frozen.cluster)
    return `the gate asks for the name of the cluster, '${frozen.cluster}', and got '${confirm ?? ''}'`;
  return gate.attest !== undefined && attest.trim() === '' ? `the gate asks for a statement: ${gate.attest}` : undefined;
}

/** Approvals that will be missing at a gate once one more is there. */
export function openAfter<P>(scope: RunScope<P>, step: StepId, asked: { readonly gate: Gate; readonly shown: QuestionRecord['shown'] }): number {
  return Math.max(0, neededAt(asked.gate) - consentsOf(scope, step, asked.shown).length - 1);
}
