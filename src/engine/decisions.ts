import { DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';
import type { StepGraph } from './graph-types.ts';

/** Decisions given before the run asks, by flags. */
export interface Decisions {
  /** The cluster's name as typed (`--confirm`). */
  readonly confirm?: string;
  /** Steps whose gates are approved (`--approve STEP`). */
  readonly approve: readonly string[];
  /** Statements by step (`--attest STEP=TEXT`). */
  readonly attest: Readonly<Record<string, string>>;
}

/** Nothing decided beforehand. */
export const NO_DECISIONS: Decisions = { approve: [], attest: {} };

/** Throws `USAGE` for a decision that no gate of the graph asks for: a mistyped step must not look approved. */
export function checkDecisions(graph: StepGraph, decisions: Decisions): void {
  const approvable = graph.nodes.filter((node) => node.gate?.approve !== undefined).map((node) => node.id);
  const attestable = graph.nodes.filter((node) => node.gate?.attest !== undefined).map((node) => node.id);
  const faults = [
    ...decisions.approve.filter((step) => !includes(approvable, step)).map((step) => fault('--approve', step, approvable)),
    ...Object.keys(decisions.attest)
      .filter((step) => !includes(attestable, step))
      .map((step) => fault('--attest', step, attestable)),
  ];
  if (faults.length > 0) throw new DrError({ code: 'USAGE', message: faults.join('; '), suggestions: ['lattice-dr runbook show lists the gates'] });
}

function includes(steps: readonly StepId[], step: string): boolean {
  return steps.some((known) => known === step);
}

function fault(flag: string, step: string, known: readonly StepId[]): string {
  const list = known.length === 0 ? 'none' : known.join(', ');
  return `${flag} names '${step}', which has no such gate (steps that have: ${list})`;
}
