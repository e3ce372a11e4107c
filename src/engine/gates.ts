import { DrError } from '../errors/dr-error.ts';
import type { PlannedChange } from '../model/change.ts';
import { type Digest, digestOfJson } from '../model/digest.ts';
import type { JsonValue } from '../model/json.ts';
import type { Gate, StepNode } from './graph-types.ts';
import type { GateAnswer } from './prompter.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { DecisionRecord } from './step-record.ts';

/** Planned changes that go into the journal with a question; the digest covers all of them. */
const JOURNALLED_CHANGES = 100;

type GatedNode = StepNode & { readonly gate: Gate };

/** What is shown at a gate. */
export interface GateView {
  readonly changes: readonly PlannedChange[];
  readonly shown: Digest;
}

/** Says whether a node has a gate. */
export function isGated(node: StepNode): node is GatedNode {
  return node.gate !== undefined;
}

/** Binds what is shown: the cluster, the step, the gate's own text and every planned change. */
export function viewOf<P>(scope: RunScope<P>, node: GatedNode, changes: readonly PlannedChange[]): GateView {
  const { gate, id } = node;
  return { changes, shown: digestOfJson({ cluster: scope.frozen.cluster, step: id, gate, changes } as unknown as JsonValue) };
}

/** The last decision in the journal that lets the step pass, whatever it was shown. */
export function positiveDecision<P>(scope: RunScope<P>, node: StepNode): DecisionRecord | undefined {
  const last = recordOf(scope, node.id).decisions.at(-1);
  return last === undefined || last.decision === 'declined' ? undefined : last;
}

/**
 * Asks for the decision a gate needs and journals question and answer. Resolves `passed` or `waiting` (nobody to ask, no decision given beforehand).
 * Throws `GATE_DECLINED`, or `CLUSTER_NAME_NOT_CONFIRMED` when another name was typed.
 */
export async function askGate<P>(
  scope: RunScope<P>,
  node: GatedNode,
  ask: { readonly view: GateView; readonly signal: AbortSignal },
): Promise<'passed' | 'waiting'> {
  const { id: step, gate } = node;
  const { changes, shown } = ask.view;
  const kept = changes.slice(0, JOURNALLED_CHANGES) as unknown as JsonValue[];
  await scope.journal.append({ type: 'gate-asked', step, gate, shown, changes: kept, omitted: changes.length - kept.length });
  scope.emit({ type: 'gate', step, gate, state: 'asked' });
  scope.emit({ type: 'step-state', step, state: 'waiting', reason: gate.reason });
  const given = givenAnswer(scope, node);
  const answer = given ?? (await scope.prompter.ask(questionOf(scope, node, ask.view), ask.signal));
  if (answer.answer === 'unavailable') return 'waiting';
  await judge(scope, node, { answer, shown, how: given === undefined ? 'terminal' : 'flag' });
  return 'passed';
}

/** The error of a run that ends because nobody could be asked: says what to type. */
export function gateWaiting<P>(scope: RunScope<P>, node: GatedNode): DrError {
  const { gate, id: step } = node;
  const { cluster, id } = scope.frozen;
  const flag = gate.confirm !== undefined ? `--confirm ${cluster}` : gate.attest !== undefined ? `--attest '${step}=<your statement>'` : `--approve '${step}'`;
  const what = gate.confirm !== undefined ? `the cluster's name` : gate.attest !== undefined ? `a statement (${gate.attest})` : 'approval';
  return new DrError({
    code: 'GATE_WAITING',
    message: `step '${step}' waits for ${what}: ${gate.reason}`,
    details: { run: id, step },
    suggestions: [`lattice-dr resume ${id} ${flag}`, `or on a terminal, where you are asked: lattice-dr resume ${id}`],
  });
}

function questionOf<P>(scope: RunScope<P>, node: GatedNode, view: GateView): Parameters<RunScope<P>['prompter']['ask']>[0] {
  const { id: run, cluster } = scope.frozen;
  return { run, cluster, step: node.id, summary: node.summary, risk: node.risk, gate: node.gate, ...view };
}

/** The decision given by a flag, if there is one for this gate. */
function givenAnswer<P>({ env }: RunScope<P>, { gate, id }: GatedNode): GateAnswer | undefined {
  const { decisions, owner } = env;
  const by = owner.user;
  if (gate.confirm !== undefined) return decisions.confirm === undefined ? undefined : { answer: 'approved', by, typed: decisions.confirm };
  const text = gate.attest === undefined || !Object.hasOwn(decisions.attest, id) ? undefined : decisions.attest[id];
  if (text !== undefined) return { answer: 'attested', by, text };
  return gate.approve !== undefined && decisions.approve.includes(id) ? { answer: 'approved', by } : undefined;
}

interface Judged {
  readonly answer: Exclude<GateAnswer, { readonly answer: 'unavailable' }>;
  readonly shown: Digest;
  readonly how: 'terminal' | 'flag';
}

async function judge<P>(scope: RunScope<P>, node: GatedNode, { answer, shown, how }: Judged): Promise<void> {
  const refusal = refusalOf(scope, node, answer);
  const decision = refusal === undefined ? (answer.answer === 'attested' ? 'attested' : 'approved') : 'declined';
  const text = answer.answer === 'attested' ? { text: answer.text } : {};
  await scope.journal.append({ type: 'gate-decided', step: node.id, decision, shown, by: answer.by, how, ...text });
  scope.emit({ type: 'gate', step: node.id, gate: node.gate, state: refusal === undefined ? 'approved' : 'declined', by: answer.by });
  if (refusal !== undefined) throw refusal;
}

function refusalOf<P>({ frozen }: RunScope<P>, { id: step, gate }: GatedNode, answer: Judged['answer']): DrError | undefined {
  if (answer.answer === 'declined') {
    return new DrError({
      code: 'GATE_DECLINED',
      message: `${answer.by} declined step '${step}': ${gate.reason}`,
      suggestions: [`to be asked again: lattice-dr resume ${frozen.id}`],
    });
  }
  if ((answer.answer === 'attested') !== (gate.attest !== undefined)) {
    return new DrError({ code: 'BUG', message: `the gate of step '${step}' was answered '${answer.answer}', which is not what it asks for` });
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
