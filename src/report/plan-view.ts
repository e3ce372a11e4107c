import type { RunPlan, StepPlan } from '../operations/plan-run.ts';
import { changeLines } from './change-lines.ts';
import { gateText } from './event-line.ts';

/** Writes a dry run for people: each step in order, what it would change, and what cannot be said yet. */
export function planView(plan: RunPlan): string {
  const inputs = Object.entries(plan.inputs).map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const head = `dry run of '${plan.runbook}' for cluster ${plan.cluster} (${[plan.mode, ...inputs].join(', ')}); nothing was written\n`;
  return `${head}\n${plan.steps.map(stepText).join('')}\n${summaryLine(plan.steps)}\n`;
}

function stepText(step: StepPlan): string {
  const gate = step.gate === undefined || step.state === 'skipped' ? [] : [`    ${gateText(step.gate)}`];
  const changes = changeLines(step.changes, '    ');
  return `${[`${step.id}: ${stateText(step)}`, ...gate, ...changes].join('\n')}\n`;
}

function stateText({ state, knownAfter, reason, changes, error }: StepPlan): string {
  switch (state) {
    case 'present':
      return 'done already';
    case 'absent':
      return changes.length === 0 ? 'runs, and plans no change' : 'would';
    case 'partial':
      return 'half done, would';
    case 'unknown':
      return 'cannot be told from the world; a person would be asked';
    case 'known-after':
      return `known after ${knownAfter.join(', ')}`;
    case 'skipped':
      return `skipped: ${reason ?? ''}`;
    case 'failed':
      return `REFUSED: ${error?.code ?? ''} ${reason ?? ''}`;
  }
}

function summaryLine(steps: readonly StepPlan[]): string {
  const count = (...states: readonly StepPlan['state'][]): number => steps.filter((step) => states.includes(step.state)).length;
  const changes = steps.flatMap((step) => step.changes);
  const deletes = changes.filter((change) => change.verb === 'delete').length;
  return `${changes.length} changes planned (${deletes} deletes) in ${count('absent', 'partial', 'unknown')} steps; ${count('present')} done already, ${count('known-after')} known later, ${count('skipped')} skipped, ${count('failed')} refused`;
}
