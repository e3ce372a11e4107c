import type { Gate } from '../engine/graph-types.ts';
import type { OwnerLife } from '../engine/owner-life.ts';
import type { StoredRun } from '../engine/run-files.ts';
import { openHolds } from '../engine/run-state.ts';
import type { StepRecord } from '../engine/step-record.ts';
import { approvalRulesOf } from '../model/plan/people.ts';

/** What a person can do about a run now. */
export interface NextCommand {
  readonly why: string;
  /** As it can be typed, once the name of the program and the flags that lead to the run's state are filled in. */
  readonly command: string;
}

/** A run, and what is known of its owner. */
export interface RunAtHand {
  readonly stored: StoredRun;
  readonly life: OwnerLife;
  /** The run that took the cluster after this one. */
  readonly followedBy?: string;
}

/** What a person can do about a run now, the most urgent first; for a run that is over and holds nothing, its report. Pure. */
export function nextCommands(at: RunAtHand): readonly NextCommand[] {
  const { stored, life } = at;
  const { id } = stored.frozen;
  const { end, owners } = stored.state;
  if (life === 'living') return owners.at(-1)?.purpose === 'release' ? [] : [...approvals(stored), { why: 'watch it', command: `lattice-dr attach ${id}` }];
  if (at.followedBy !== undefined || stored.state.status === 'superseded') return followed(at);
  if (life === 'gone') return [{ why: 'its process is gone', command: `lattice-dr resume ${id}` }];
  if (life === 'silent') return [{ why: 'when its process is certainly gone', command: `lattice-dr resume ${id} --owner-gone '<how you know>'` }];
  if (end?.state !== 'succeeded') return [resumeCommand(stored)];
  if (openHolds(stored.state).length > 0) return [{ why: heldText(openHolds(stored.state).length), command: `lattice-dr release ${id}` }];
  return [overCommand(id)];
}

/** Of a run that nobody has to do anything about. */
export function overCommand(run: string, followedBy?: string): NextCommand {
  return { why: followedBy === undefined ? 'what happened' : `followed by ${followedBy}`, command: `lattice-dr report ${run}` };
}

/** Whether a person has to do something about a run, or could still change its course. Pure. */
export function isActive(at: RunAtHand): boolean {
  const { stored, life, followedBy } = at;
  if (life === 'living' || openHolds(stored.state).length > 0) return true;
  return followedBy === undefined && stored.state.status !== 'superseded' && stored.state.end?.state !== 'succeeded';
}

/** A run that another one has followed can neither be resumed nor release anything: what it holds is put back by hand. */
function followed({ stored, followedBy }: RunAtHand): readonly NextCommand[] {
  const { id } = stored.frozen;
  const by = followedBy ?? stored.state.supersededBy ?? 'another one';
  if (openHolds(stored.state).length === 0) return [overCommand(id, by)];
  return [{ why: `followed by ${by}, so what it holds is put back by hand`, command: `lattice-dr holds ${id}` }];
}

function waitingSteps({ frozen, state }: StoredRun): readonly (readonly [StepRecord, Gate])[] {
  return frozen.graph.nodes.flatMap(({ id }) => {
    const record = state.steps.get(id);
    return record?.state === 'waiting' && record.asked !== undefined ? [[record, record.asked.gate] as const] : [];
  });
}

/** Of a run whose process asks: the decision is sent to it. */
function approvals(stored: StoredRun): readonly NextCommand[] {
  const { id, cluster, graph } = stored.frozen;
  const sign = approvalRulesOf(graph.plan).required ? ' --sign KEY --as NAME' : '';
  return waitingSteps(stored).map(([step, gate]) => {
    const words = gate.confirm !== undefined ? ` --confirm ${cluster}` : gate.attest !== undefined ? ` --attest '<your statement>'` : '';
    return { why: `${step.id} waits: ${gate.reason}`, command: `lattice-dr approve ${id} '${step.id}'${words}${sign}` };
  });
}

/** The command that goes on with a run whose process has ended, with every decision that it waits for. Pure. */
export function goOnCommand(stored: StoredRun): string {
  return resumeCommand(stored).command;
}

/** Of a run that has ended: all decisions that it waits for go with the resume, unless they are not for one person to give. */
function resumeCommand(stored: StoredRun): NextCommand {
  const { id, cluster, graph } = stored.frozen;
  const waiting = waitingSteps(stored);
  const why =
    waiting.length === 0
      ? (stored.state.end?.error?.code ?? 'it has not ended well')
      : waiting.map(([step, gate]) => `${step.id} waits: ${gate.reason}`).join('; ');
  if (waiting.length > 0 && (approvalRulesOf(graph.plan).required || waiting.some(([, { approve = 1 }]) => approve > 1))) {
    return { why: `${why}; several persons or signatures are needed`, command: `lattice-dr resume ${id} --wait-for-answers 1h` };
  }
  const flags = waiting.map(([step, gate]) => {
    if (gate.confirm !== undefined) return ` --confirm ${cluster}`;
    return gate.attest === undefined ? ` --approve '${step.id}'` : ` --attest '${step.id}=<your statement>'`;
  });
  return { why, command: `lattice-dr resume ${id}${[...new Set(flags)].join('')}` };
}

function heldText(count: number): string {
  return count === 1 ? '1 hold is open' : `${count} holds are open`;
}
