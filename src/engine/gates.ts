import { DrError } from '../errors/dr-error.ts';
import type { PlannedChange } from '../model/change.ts';
import { type Digest, digestOfJson } from '../model/digest.ts';
import { canonicalJson, type JsonValue } from '../model/json.ts';
import { consentsOf, neededAt, refusedBy, rulesOf } from './consents.ts';
import { gateDeclined, judge } from './gate-judgement.ts';
import { type GatedNode, overridesBefore } from './overrides.ts';
import type { GateAnswer, GateQuestion } from './prompter.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { DecisionRecord } from './step-record.ts';

/** Planned changes that go into the journal with a question; the digest covers all of them. */
const JOURNALLED_CHANGES = 100;

/** What is shown at a gate. */
export interface GateView {
  readonly changes: readonly PlannedChange[];
  readonly shown: Digest;
}

/** Binds what is shown: the cluster, the step, the gate's own text (overrides before it included) and every planned change. */
export function viewOf<P>(scope: RunScope<P>, node: GatedNode, changes: readonly PlannedChange[]): GateView {
  const { gate, id } = node;
  return { changes, shown: digestOfJson({ cluster: scope.frozen.cluster, step: id, gate, changes } as unknown as JsonValue) };
}

/**
 * Whether a decision covers what the step would do now: the gate says the same, and every change was shown when it was decided. What is missing of them has
 * been done since, by a try that failed.
 */
export function isCovered<P>(scope: RunScope<P>, node: GatedNode, { now, agreed }: { readonly now: GateView; readonly agreed: GateView }): boolean {
  if (!isPassed(scope, node, agreed.shown) || viewOf(scope, node, agreed.changes).shown !== agreed.shown) return false;
  const shown = new Set(agreed.changes.map(textOf));
  return now.changes.every((change) => shown.has(textOf(change)));
}

function textOf(change: PlannedChange): string {
  return canonicalJson(change as unknown as JsonValue);
}

/** Whether the gate has been passed: by enough persons, who were shown this if it is given. */
export function isPassed<P>(scope: RunScope<P>, node: GatedNode, shown?: Digest): boolean {
  return consentsOf(scope, node.id, shown).length >= neededAt(node.gate);
}

interface Asking {
  readonly view: GateView;
  readonly signal: AbortSignal;
}

/**
 * Asks for the decisions a gate needs, here and elsewhere, and journals question and answers. Resolves `passed`; `waiting` (nobody to ask, no decision given
 * beforehand); or `skipped` when a person has left the step out meanwhile. Throws `GATE_DECLINED`, or `CLUSTER_NAME_NOT_CONFIRMED` when another name was
 * typed.
 */
export async function askGate<P>(scope: RunScope<P>, node: GatedNode, ask: Asking): Promise<'passed' | 'waiting' | 'skipped'> {
  const standing = scope.operator.stand(node.id);
  const earlier = recordOf(scope, node.id).decisions.length;
  try {
    await journalQuestion(scope, node, ask.view);
    for (let given = givenAnswer(scope, node, ask.view); ; given = undefined) {
      standing.watch();
      const settled = settledBy(scope, node, { shown: ask.view.shown, earlier });
      if (settled !== undefined) return settled;
      const answer = given ?? (await scope.prompter.ask(questionOf(scope, node, ask.view), ask.signal));
      if (answer.answer === 'unavailable' || answer.answer === 'elsewhere') return 'waiting';
      if (answer.answer === 'recorded') continue;
      if (given !== undefined) scope.operator.spendFlag(node.id);
      if (!standing.begin()) await standing.recorded;
      else await judge(scope, node, { answer, shown: ask.view.shown, how: given === undefined ? 'terminal' : 'flag' }).finally(() => standing.end());
    }
  } finally {
    scope.operator.withdraw(node.id);
  }
}

async function journalQuestion<P>(scope: RunScope<P>, { id: step, gate }: GatedNode, { changes, shown }: GateView): Promise<void> {
  const kept = changes.slice(0, JOURNALLED_CHANGES) as unknown as JsonValue[];
  await scope.journal.append({ type: 'gate-asked', step, gate, shown, changes: kept, omitted: changes.length - kept.length });
  scope.emit({ type: 'gate', step, gate, state: 'asked' });
  scope.emit({ type: 'step-state', step, state: 'waiting', reason: gate.reason });
}

/** What has been decided since the question was asked; `undefined` while somebody still has to decide. Throws for a no. */
function settledBy<P>(scope: RunScope<P>, node: GatedNode, asked: { readonly shown: Digest; readonly earlier: number }): 'passed' | 'skipped' | undefined {
  const { decisions, skip } = recordOf(scope, node.id);
  if (skip !== undefined) return 'skipped';
  const declined = decisions.slice(asked.earlier).find(({ decision }) => decision === 'declined');
  if (declined !== undefined) throw gateDeclined(scope, node, declined);
  return isPassed(scope, node, asked.shown) ? 'passed' : undefined;
}

/** The error of a run that ends because nobody could be asked: says what to type. */
export function gateWaiting<P>(scope: RunScope<P>, node: GatedNode): DrError {
  const { gate, id: step } = node;
  const { id } = scope.frozen;
  const given = consentsOf(scope, step, recordOf(scope, step).asked?.shown);
  const soFar =
    neededAt(gate) > 1 ? ` (${given.length} of ${neededAt(gate)} so far${given.length === 0 ? '' : `: ${given.map(({ by }) => by).join(', ')}`})` : '';
  const what = gate.confirm !== undefined ? `the cluster's name` : gate.attest !== undefined ? `a statement (${gate.attest})` : `approval${soFar}`;
  const notHere = notHereReason(scope, node, given);
  return new DrError({
    code: 'GATE_WAITING',
    message: `step '${step}' waits for ${what}: ${gate.reason}${notHere === undefined ? '' : `; ${notHere}`}`,
    details: { run: id, step, shown: recordOf(scope, step).asked?.shown },
    suggestions: notHere === undefined ? hereCommands(scope, node) : elsewhereCommands(scope, node),
  });
}

function hereCommands<P>({ frozen }: RunScope<P>, { gate, id: step }: GatedNode): readonly string[] {
  const { cluster, id } = frozen;
  const flag = gate.confirm !== undefined ? `--confirm ${cluster}` : gate.attest !== undefined ? `--attest '${step}=<your statement>'` : `--approve '${step}'`;
  return [`lattice-dr resume ${id} ${flag}`, `or on a terminal, where you are asked: lattice-dr resume ${id}`];
}

function elsewhereCommands<P>(scope: RunScope<P>, { id: step }: GatedNode): readonly string[] {
  const { id } = scope.frozen;
  const sign = rulesOf(scope).required ? ' --sign KEY' : '';
  return [`lattice-dr resume ${id} --wait-for-answers 1h`, `and meanwhile, by whom it takes: lattice-dr approve ${id} '${step}'${sign}`];
}

function questionOf<P>(scope: RunScope<P>, node: GatedNode, view: GateView): GateQuestion {
  const { id: run, cluster } = scope.frozen;
  const given = consentsOf(scope, node.id, view.shown);
  const needed = neededAt(node.gate);
  const notHere = notHereReason(scope, node, given);
  return {
    run,
    cluster,
    step: node.id,
    summary: node.summary,
    risk: node.risk,
    gate: node.gate,
    ...view,
    ...(needed === 1 ? {} : { approvals: { needed, by: given.map(({ by }) => by) } }),
    ...(notHere === undefined ? {} : { notHere }),
  };
}

/** Why whoever started this process cannot decide: the plan's rules, or they have decided already. */
function notHereReason<P>(scope: RunScope<P>, { id }: GatedNode, given: readonly DecisionRecord[]): string | undefined {
  const by = scope.env.owner.user;
  const refused = refusedBy(rulesOf(scope), { by });
  if (refused !== undefined) return refused;
  return given.some((decision) => decision.by === by) ? `'${by}' has approved step '${id}' already, and another person must` : undefined;
}

/** The decision given by a flag, if there is one for this gate that counts. It counts once: whoever typed it did not mean what the step plans after that. */
function givenAnswer<P>(scope: RunScope<P>, node: GatedNode, view: GateView): GateAnswer | undefined {
  const { gate, id } = node;
  const { decisions, owner } = scope.env;
  const by = owner.user;
  if (scope.operator.isFlagSpent(id) || notHereReason(scope, node, consentsOf(scope, id, view.shown)) !== undefined) return undefined;
  if (gate.confirm !== undefined) return decisions.confirm === undefined ? undefined : { answer: 'approved', by, typed: decisions.confirm };
  // Whoever typed the approval beside the override has not been shown what this gate shows because of it.
  if (overridesBefore(scope, node).some(({ step }) => scope.operator.isNewOverride(step))) return undefined;
  const text = gate.attest === undefined || !Object.hasOwn(decisions.attest, id) ? undefined : decisions.attest[id];
  if (text !== undefined) return { answer: 'attested', by, text };
  return gate.approve !== undefined && decisions.approve.includes(id) ? { answer: 'approved', by } : undefined;
}
