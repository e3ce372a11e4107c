import { DrError } from '../errors/dr-error.ts';
import type { ClusterName, StepId } from '../model/ids.ts';
import type { Acceptance } from './acceptances.ts';
import { ancestorsOf } from './graph.ts';
import type { StepGraph, StepNode } from './graph-types.ts';
import type { RunState } from './run-state.ts';

/** Decisions given before the run asks, by flags. */
export interface Decisions {
  /** The cluster's name as typed (`--confirm`). */
  readonly confirm?: string;
  /** Steps whose gates are approved (`--approve STEP`). */
  readonly approve: readonly string[];
  /** Statements by step (`--attest STEP=TEXT`). */
  readonly attest: Readonly<Record<string, string>>;
  /** Steps to be left out, with the reason (`--skip STEP=REASON`). */
  readonly skip?: Readonly<Record<string, string>>;
  /** Safety steps to be left out against their purpose, with the reason (`--override-safety STEP=REASON`); needs the cluster's name typed. */
  readonly overrideSafety?: Readonly<Record<string, string>>;
  /** What a person takes into account (`--accept-pruned`). */
  readonly accept?: readonly Acceptance[];
}

/** Nothing decided beforehand. */
export const NO_DECISIONS: Decisions = { approve: [], attest: {} };

/** What decisions are checked against. */
export interface DecisionCheck {
  readonly graph: StepGraph;
  readonly cluster: ClusterName;
  /** What the run has done so far; absent for a new one. */
  readonly state?: RunState;
}

/**
 * Throws `USAGE` for a decision that the run cannot take: for a gate that no step has (a mistyped step must not look approved), a skip of a safety step or
 * of one that is done, an override of a step that is no safety step or without the cluster's name. Throws `CLUSTER_NAME_NOT_CONFIRMED` when an override comes
 * with another name. Checked before anything is changed.
 */
export function checkDecisions(check: DecisionCheck, decisions: Decisions): void {
  const { skip = {}, overrideSafety = {}, confirm } = decisions;
  const faults = [
    ...gateFaults(check, decisions),
    ...Object.keys(skip).flatMap((step) => flagFault('--skip', step, skipRefusal(check, step))),
    ...Object.keys(overrideSafety).flatMap((step) => flagFault('--override-safety', step, overrideRefusal(check, step))),
    ...(Object.keys(overrideSafety).length > 0 && confirm === undefined ? [`--override-safety needs the name of the cluster: --confirm ${check.cluster}`] : []),
  ];
  if (faults.length > 0) throw new DrError({ code: 'USAGE', message: faults.join('; '), suggestions: ['to see steps and gates: lattice-dr runbook show'] });
  if (Object.keys(overrideSafety).length === 0 || confirm === check.cluster) return;
  throw new DrError({
    code: 'CLUSTER_NAME_NOT_CONFIRMED',
    message: `--confirm says '${confirm ?? ''}' where cluster '${check.cluster}' has to be confirmed for --override-safety`,
  });
}

/** Why a step may not be left out, or `undefined` when it may. */
export function skipRefusal(check: Omit<DecisionCheck, 'cluster'>, step: string): string | undefined {
  const node = nodeOf(check.graph, step);
  if (node === undefined) return unknownStep(check.graph);
  if (isSafety(node))
    return `is a safety step, which cannot be skipped; to go on against it, start or resume with --override-safety '${step}=<reason>' --confirm CLUSTER`;
  return endedRefusal(check, node);
}

function overrideRefusal(check: DecisionCheck, step: string): string | undefined {
  const node = nodeOf(check.graph, step);
  if (node === undefined) return unknownStep(check.graph);
  return isSafety(node) ? endedRefusal(check, node) : `is not a safety step; to leave it out: --skip '${step}=REASON'`;
}

/** A guard is one too: without it, nothing watches what it protects. */
function isSafety(node: StepNode): boolean {
  return node.safety || node.guard !== undefined;
}

function endedRefusal({ state }: Omit<DecisionCheck, 'cluster'>, node: StepNode): string | undefined {
  if (node.skipped !== undefined) return `is not part of this run anyway: ${node.skipped}`;
  return state?.steps.get(node.id)?.verified === true ? 'has succeeded already' : undefined;
}

function gateFaults({ graph, state }: DecisionCheck, decisions: Decisions): readonly string[] {
  if (decisions.approve.length === 0 && Object.keys(decisions.attest).length === 0) return [];
  const overridden = graph.nodes
    .map((node) => node.id)
    .filter((id) => Object.hasOwn(decisions.overrideSafety ?? {}, id) || state?.steps.get(id)?.skip?.override === true);
  const approvable = approvableSteps(graph, overridden);
  const attestable = graph.nodes.filter((node) => node.gate?.attest !== undefined).map((node) => node.id);
  return [
    ...decisions.approve.filter((step) => !includes(approvable, step)).map((step) => gateFault('--approve', step, approvable)),
    ...Object.keys(decisions.attest)
      .filter((step) => !includes(attestable, step))
      .map((step) => gateFault('--attest', step, attestable)),
  ];
}

/** Steps that ask for an approval: by their gate, or because they destroy something behind an overridden safety step. */
function approvableSteps(graph: StepGraph, overridden: readonly StepId[]): readonly StepId[] {
  const ancestors = ancestorsOf(graph.nodes);
  const isBehind = ({ id, risk }: StepNode): boolean => risk === 'destructive' && overridden.some((step) => ancestors(id).has(step));
  return graph.nodes.filter((node) => (node.gate === undefined ? isBehind(node) : node.gate.approve !== undefined)).map((node) => node.id);
}

function nodeOf(graph: StepGraph, step: string): StepNode | undefined {
  return graph.nodes.find((node) => node.id === step);
}

function unknownStep(graph: StepGraph): string {
  return `is no step of this run (steps are: ${graph.nodes.map((node) => node.id).join(', ')})`;
}

function includes(steps: readonly StepId[], step: string): boolean {
  return steps.some((known) => known === step);
}

function flagFault(flag: string, step: string, refusal: string | undefined): readonly string[] {
  return refusal === undefined ? [] : [`${flag} names '${step}', which ${refusal}`];
}

function gateFault(flag: string, step: string, known: readonly StepId[]): string {
  const list = known.length === 0 ? 'none' : known.join(', ');
  return `${flag} names '${step}', which has no such gate (steps that have: ${list})`;
}
