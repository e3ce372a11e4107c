import { DrError } from '../errors/dr-error.ts';
import type { Digest } from '../model/digest.ts';
import { consentsOf, isSamePerson, neededAt } from './consents.ts';
import type { GatedNode } from './overrides.ts';
import type { GateAnswer } from './prompter.ts';
import type { RunScope } from './run-scope.ts';

/** An answer that decides. */
type Decisive = Extract<GateAnswer, { readonly by: string }>;

/** A decision made at this process: by whoever sits at its terminal, or typed its command. */
export interface LocalAnswer {
  readonly answer: Decisive;
  readonly shown: Digest;
  readonly how: 'terminal' | 'flag';
}

/** Journals a decision, and throws when it is a no, or counts as one. */
export async function judge<P>(scope: RunScope<P>, node: GatedNode, { answer, shown, how }: LocalAnswer): Promise<void> {
  const { by } = answer;
  const refusal = refusalOf(scope, node, answer);
  const decision = refusal === undefined ? (answer.answer === 'attested' ? 'attested' : 'approved') : 'declined';
  const given = consentsOf(scope, node.id, shown);
  if (refusal === undefined && given.some((earlier) => isSamePerson(earlier, { by }))) throw bug(`step '${node.id}' was approved by '${by}' twice`);
  const open = refusal === undefined ? neededAt(node.gate) - given.length - 1 : 0;
  const text = answer.answer === 'attested' ? { text: answer.text } : {};
  await scope.journal.append({ type: 'gate-decided', step: node.id, decision, shown, by, how, ...text, ...(open > 0 ? { open } : {}) });
  scope.emit({ type: 'gate', step: node.id, gate: node.gate, state: refusal === undefined ? 'approved' : 'declined', by });
  if (refusal !== undefined) throw refusal;
}

/** A person's no, and why, if the person has said it. */
interface Declined {
  readonly by: string;
  readonly text?: string | undefined;
}

/** The error of a run in which a person said no. */
export function gateDeclined<P>({ frozen }: RunScope<P>, { id: step, gate }: GatedNode, { by, text }: Declined): DrError {
  const why = text === undefined ? gate.reason : `${text} (asked because: ${gate.reason})`;
  return new DrError({
    code: 'GATE_DECLINED',
    message: `${by} declined step '${step}': ${why}`,
    details: { step, by },
    suggestions: [`to be asked again: lattice-dr resume ${frozen.id}`],
  });
}

function refusalOf<P>(scope: RunScope<P>, node: GatedNode, answer: Decisive): DrError | undefined {
  const { frozen } = scope;
  const { id: step, gate } = node;
  if (answer.answer === 'declined') return gateDeclined(scope, node, { by: answer.by });
  if ((answer.answer === 'attested') !== (gate.attest !== undefined)) {
    return bug(`the gate of step '${step}' was answered '${answer.answer}', which is not what it asks for`);
  }
  if (answer.answer === 'attested' && answer.text.trim() === '') {
    return new DrError({
      code: 'GATE_DECLINED',
      message: `the statement for step '${step}' is empty`,
      suggestions: [`state in your own words: ${gate.attest ?? ''}`],
    });
  }
  if (gate.confirm === undefined || (answer.answer === 'approved' && answer.typed === frozen.cluster)) return undefined;
  const typed = answer.answer === 'approved' ? (answer.typed ?? '') : '';
  return new DrError({
    code: 'CLUSTER_NAME_NOT_CONFIRMED',
    message: `'${typed}' was typed where cluster '${frozen.cluster}' has to be confirmed`,
    suggestions: [`lattice-dr resume ${frozen.id} --confirm ${frozen.cluster}`],
  });
}

function bug(message: string): DrError {
  return new DrError({ code: 'BUG', message });
}
