import type { GateQuestion, UnknownQuestion } from '../engine/prompter.ts';
import { changeLines } from './change-lines.ts';

/** What a person must see before deciding at a gate: the step, its risk, what it would change, and the digest the decision is bound to. */
export function gateQuestionText({ cluster, step, summary, risk, gate, changes, shown }: GateQuestion): string {
  const planned = changes.length === 0 ? ['  it plans no change'] : changeLines(changes, '  ');
  return [
    '',
    `step '${step}' of the recovery of cluster '${cluster}' needs a person: ${gate.reason}`,
    `  ${summary} (${risk})`,
    ...planned,
    `  shown: ${shown}`,
    '',
  ].join('\n');
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
