import type { Digest } from '../model/digest.ts';
import type { StepId } from '../model/ids.ts';
import { type ApprovalRules, approvalRulesOf } from '../model/plan/people.ts';
import type { Gate } from './graph-types.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { DecisionRecord } from './step-record.ts';

/** Approvals of different persons that a gate needs: what it says, and one typed name or one statement. */
export function neededAt(gate: Gate): number {
  return gate.approve ?? 1;
}

/**
 * The decisions that count for a step: since the last no, by different persons, each allowed by the plan's rules as they are now. With `shown`, only those
 * that were shown exactly this.
 */
export function consentsOf<P>(scope: RunScope<P>, step: StepId, shown?: Digest): readonly DecisionRecord[] {
  const rules = rulesOf(scope);
  const { decisions } = recordOf(scope, step);
  const since = decisions.slice(decisions.findLastIndex(({ decision }) => decision === 'declined') + 1);
  const counting = since.filter((decision) => (shown === undefined || decision.shown === shown) && refusedBy(rules, decision) === undefined);
  return counting.filter((decision, index) => !counting.slice(0, index).some((earlier) => isSamePerson(earlier, decision)));
}

/** The rules of the run's plan about who may decide. */
export function rulesOf<P>({ frozen }: RunScope<P>): ApprovalRules {
  return approvalRulesOf(frozen.graph.plan);
}

/** Why a decision by somebody does not count, or `undefined` when it does. */
export function refusedBy({ approvers, required }: ApprovalRules, { by, signed }: Pick<DecisionRecord, 'by' | 'signed'>): string | undefined {
  const person = signed?.principal ?? by;
  if (approvers !== undefined && !approvers.includes(person)) return `'${person}' is not among the plan's approvers (${approvers.join(', ')})`;
  return required && signed === undefined ? `the plan requires a signature (spec.approvals), and the decision of '${person}' has none` : undefined;
}

/** One name is one person, and so is one key: a key may stand for many names in an allowed signers file. */
export function isSamePerson(a: Pick<DecisionRecord, 'by' | 'signed'>, b: Pick<DecisionRecord, 'by' | 'signed'>): boolean {
  if (a.signed !== undefined && b.signed !== undefined && a.signed.key === b.signed.key) return true;
  return (a.signed?.principal ?? a.by) === (b.signed?.principal ?? b.by);
}
