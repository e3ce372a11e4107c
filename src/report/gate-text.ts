import type { ChangeQuestion, GateQuestion, UnknownQuestion } from '../engine/prompter.ts';
import { changeLines } from './change-lines.ts';

/** What a person must see before deciding at a gate: the step, its risk, what it would change, and the digest the decision is bound to. */
export function gateQuestionText(question: GateQuestion & { readonly omitted?: number }): string {
  const { cluster, step, summary, risk, gate, changes, shown, omitted = 0 } = question;
  const planned = changes.length === 0 ? ['  it plans no change'] : changeLines(changes, '  ');
  return [
    '',
    `step '${step}' of the recovery of cluster '${cluster}' needs a person: ${gate.reason}`,
    `  ${summary} (${risk})`,
    ...planned,
    ...(omitted === 0 ? [] : [`  and ${omitted} more changes, which are not kept with the question`]),
    `  shown: ${shown}`,
    ...peopleLines(question),
    '',
  ].join('\n');
}

/** Who has approved so far, and why whoever sits here cannot. */
function peopleLines({ run, step, approvals, notHere }: GateQuestion): readonly string[] {
  const given = approvals === undefined || approvals.by.length === 0 ? 'nobody so far' : `so far ${approvals.by.join(', ')}`;
  return [
    ...(approvals === undefined ? [] : [`  needs ${approvals.needed} persons: ${given}`]),
    ...(notHere === undefined ? [] : [`  ${notHere}`, `  waiting for an answer from elsewhere: lattice-dr approve ${run} '${step}'`]),
  ];
}

/** What a person must see before saying whether something has happened. */
export function unknownQuestionText({ what, evidence }: UnknownQuestion): string {
  return [
    '',
    `it cannot be told whether ${what} has happened; what was seen:`,
    ...JSON.stringify(evidence, undefined, 2)
      .split('\n')
      .map((line) => `  ${line}`),
    '',
  ].join('\n');
}

/** What a person must see before a run goes on with another plan, runbook or commit. */
export function changeQuestionText({ run, changes }: ChangeQuestion): string {
  return ['', `run '${run}' was started with something else:`, ...changes.map((line) => `  ${line}`), ''].join('\n');
}
