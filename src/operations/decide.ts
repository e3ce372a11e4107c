import type { Gate, StepNode } from '../engine/graph-types.ts';
import type { GateQuestion } from '../engine/prompter.ts';
import { readRun, type StoredRun } from '../engine/run-files.ts';
import { ownerOf, sendRequest } from '../engine/send-request.ts';
import { newStep, type QuestionRecord } from '../engine/step-record.ts';
import { DrError } from '../errors/dr-error.ts';
import type { PlannedChange } from '../model/change.ts';
import type { RunId, StepId } from '../model/ids.ts';
import { type AcceptedRequest, type AskTools, ifFollowed, type Signer, signing, stepOf } from './ask-run.ts';

/** A question as it stands at a gate of a run that another process owns. */
export interface StandingGate extends GateQuestion {
  /** Planned changes that are not listed, though the digest covers them. */
  readonly omitted: number;
}

/** What a person adds to a decision: what the gate asks for. */
export interface DecisionWords {
  readonly confirm?: string;
  readonly attest?: string;
}

/** A decision at a gate of a running run. */
export interface GateDecision {
  readonly run: RunId;
  readonly step: string;
  readonly verb: 'approve' | 'decline';
  /** Digest of what the person has seen; absent: the person is shown it now and asked. */
  readonly shown?: string;
  readonly words: DecisionWords;
  /** Why, for `decline`. */
  readonly reason?: string;
  readonly sign?: Signer;
  /** Shows the question and asks; `undefined` is a no to deciding at all. Absent when there is no terminal. */
  readonly ask?: (gate: StandingGate) => Promise<DecisionWords | undefined>;
}

/**
 * Decides at a gate of a run that another process owns: shows what the gate shows, and sends a decision bound to its digest. The owner checks it and journals
 * what became of it.
 *
 * Throws `USAGE` for an unknown step, `RUN_NOT_RUNNING`, `REQUEST_REJECTED` (no gate stands there, or something else is shown by now), `GATE_WAITING` when there is
 * neither a terminal nor a digest, `CLUSTER_NAME_NOT_CONFIRMED`, `GATE_DECLINED` when the person decides nothing, `REQUEST_UNANSWERED`.
 */
export async function decide(decision: GateDecision, tools: AskTools): Promise<AcceptedRequest> {
  const stored = await readRun(tools.store, decision.run);
  const step = stepOf(stored, decision.step);
  const asked = stored.state.steps.get(step)?.asked;
  const instead = insteadOf(stored, { step, gate: asked?.gate ?? nodeOf(stored, step).gate, verb: decision.verb });
  await ownerOf(tools, stored, instead);
  const gate = standingGate(stored, step);
  const words = await wordsOf(decision, gate);
  const { verb, reason, sign } = decision;
  const body = { verb, step, shown: gate.shown, by: sign?.as ?? tools.owner.user, ...words, ...(reason === undefined ? {} : { reason }) };
  const sent = await sendRequest(tools, stored, { body, instead, ...signing(sign, tools) });
  const open = verb === 'approve' ? openAt(sent.stored, step, gate) : 0;
  return { run: decision.run, verb, step, request: sent.id, by: body.by, signed: sign !== undefined, at: sent.at, ...(open > 0 ? { open } : {}) };
}

/** The gate at which a step waits now. Throws `REQUEST_REJECTED` naming the gates that do stand. */
function standingGate(stored: StoredRun, step: StepId): StandingGate {
  const { frozen, state } = stored;
  const record = state.steps.get(step) ?? newStep(step);
  if (record.state === 'waiting' && record.asked !== undefined) return gateOf(stored, step, record.asked);
  const standing = [...state.steps.values()].filter((other) => other.state === 'waiting' && other.asked !== undefined).map(({ id }) => id);
  throw new DrError({
    code: 'REQUEST_REJECTED',
    message: `step '${step}' of run '${frozen.id}' does not wait for a decision, it is ${record.state}`,
    details: { run: frozen.id, step, state: record.state },
    suggestions: [standing.length === 0 ? 'no step waits for a decision now' : `these do: ${standing.join(', ')}`],
  });
}

function gateOf(stored: StoredRun, step: StepId, { gate, shown, changes, omitted }: QuestionRecord): StandingGate {
  const { id: run, cluster } = stored.frozen;
  const { summary, risk } = nodeOf(stored, step);
  const by = approversOf(stored, step, shown);
  const approvals = (gate.approve ?? 1) > 1 ? { approvals: { needed: gate.approve ?? 1, by } } : {};
  return { run, cluster, step, summary, risk, gate, changes: changes as unknown as readonly PlannedChange[], omitted, shown, ...approvals };
}

/** Who has approved exactly this, for people; the owner counts by the plan's rules. */
function approversOf({ state }: StoredRun, step: StepId, shown: QuestionRecord['shown']): readonly string[] {
  const { decisions = [] } = state.steps.get(step) ?? {};
  const since = decisions.slice(decisions.findLastIndex(({ decision }) => decision === 'declined') + 1);
  return [...new Set(since.filter((decision) => decision.shown === shown).map(({ by, signed }) => signed?.principal ?? by))];
}

function openAt(stored: StoredRun, step: StepId, { shown, gate }: StandingGate): number {
  return stored.state.steps.get(step)?.state === 'waiting' ? Math.max(0, (gate.approve ?? 1) - approversOf(stored, step, shown).length) : 0;
}

function nodeOf({ frozen }: StoredRun, step: StepId): StepNode {
  const node = frozen.graph.nodes.find(({ id }) => id === step);
  if (node === undefined) throw new DrError({ code: 'BUG', message: `run '${frozen.id}' has lost its step '${step}'` });
  return node;
}

/** What goes with the decision, once the person has seen what it is about: by its digest, or here and now. */
async function wordsOf(decision: GateDecision, gate: StandingGate): Promise<DecisionWords> {
  const { words, verb } = decision;
  if (decision.shown !== undefined) {
    if (decision.shown !== gate.shown) throw stale(decision.shown, gate);
    return verb === 'decline' ? {} : complete(words, gate);
  }
  if (decision.ask === undefined) throw unseen(decision, gate);
  const answer = await decision.ask(gate);
  if (answer === undefined) throw new DrError({ code: 'GATE_DECLINED', message: `nothing was decided about step '${gate.step}'` });
  return verb === 'decline' ? {} : complete(answer, gate);
}

function complete(words: DecisionWords, { gate, run, cluster, step, shown }: StandingGate): DecisionWords {
  if (gate.confirm !== undefined && words.confirm !== cluster) {
    throw new DrError({
      code: 'CLUSTER_NAME_NOT_CONFIRMED',
      message: `step '${step}' asks for the name of the cluster, '${cluster}', and --confirm says '${words.confirm ?? ''}'`,
      suggestions: [`lattice-dr approve ${run} '${step}' --shown ${shown} --confirm ${cluster}`],
    });
  }
  if (gate.attest === undefined || (words.attest ?? '').trim() !== '') return words;
  throw new DrError({
    code: 'USAGE',
    message: `step '${step}' asks for a statement: ${gate.attest}`,
    suggestions: [`lattice-dr approve ${run} '${step}' --shown ${shown} --attest '<your statement>'`],
  });
}

function stale(shown: string, gate: StandingGate): DrError {
  return new DrError({
    code: 'REQUEST_REJECTED',
    message: `what step '${gate.step}' asks about now is ${gate.shown}, not ${shown}: look again before you decide`,
    details: { step: gate.step, shown: gate.shown },
    suggestions: [`to be shown it: lattice-dr approve ${gate.run} '${gate.step}'`],
  });
}

function unseen({ run, verb }: GateDecision, { step, shown, gate, cluster, changes }: StandingGate): DrError {
  const words = gate.confirm !== undefined ? ` --confirm ${cluster}` : gate.attest !== undefined ? ` --attest '<your statement>'` : '';
  return new DrError({
    code: 'GATE_WAITING',
    message: `a decision is bound to what was shown, and there is no terminal to show it on: step '${step}' asks about ${shown}`,
    details: { run, step, shown, gate: { ...gate }, changes: changes.map(({ verb: change, subject }) => `${change} ${subject}`) },
    suggestions: [`lattice-dr ${verb} ${run} '${step}' --shown ${shown}${verb === 'approve' ? words : ''}`],
  });
}

interface Instead {
  readonly step: StepId;
  readonly gate: Gate | undefined;
  readonly verb: GateDecision['verb'];
}

/** The command that does the same to a run that nobody owns. */
function insteadOf(stored: StoredRun, { step, gate, verb }: Instead): string {
  const { frozen } = stored;
  const followed = ifFollowed(stored);
  if (followed !== undefined) return followed;
  if (verb === 'decline') return `nothing is running, so nothing has to be declined; to go on: lattice-dr resume ${frozen.id}`;
  if (gate?.confirm !== undefined) return `lattice-dr resume ${frozen.id} --confirm ${frozen.cluster}`;
  return `lattice-dr resume ${frozen.id} ${gate?.attest === undefined ? `--approve '${step}'` : `--attest '${step}=<your statement>'`}`;
}
