import type { RunbookList } from '../operations/list-runbooks.ts';
import type { OutlineStep, RunbookOutline } from '../runbook/outline.ts';
import { gateText } from './event-line.ts';
import { textTable } from './text-table.ts';

/** Writes the list of runbooks for people. */
export function runbookListView({ runbooks }: RunbookList): string {
  return textTable(
    [['RUNBOOK', 'STEPS', 'WHAT', 'FILE'], ...runbooks.map(({ name, steps, description, file }) => [name, String(steps), description, file])],
    [1],
  );
}

/** Writes the steps of a runbook for people, with what each needs and who must agree. */
export function runbookView({ name, description, steps }: RunbookOutline): string {
  const rows = steps.map((step) => [String(step.number), step.id, step.uses, step.risk, needsText(step), conditionText(step), gateOf(step)]);
  return `${name}: ${description}\n\n${textTable([['#', 'STEP', 'USES', 'RISK', 'NEEDS', 'IF', 'GATE'], ...rows], [0])}`;
}

function needsText({ needs }: OutlineStep): string {
  return needs.length === 0 ? '-' : needs.map((need) => need.id).join(', ');
}

function conditionText({ condition, excluded, forEach }: OutlineStep): string {
  if (excluded) return 'not for this plan';
  const parts = [condition, forEach === undefined ? undefined : `each of ${forEach.items?.join(', ') ?? forEach.source}`].filter((part) => part !== undefined);
  return parts.length === 0 ? '-' : parts.join('; ');
}

function gateOf({ gate }: OutlineStep): string {
  if (gate === undefined) return '-';
  return gate.attest === undefined ? gateText(gate) : 'needs a statement';
}
