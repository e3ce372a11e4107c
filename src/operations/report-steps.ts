import type { StepState } from '../engine/events.ts';
import { topologicalOrder } from '../engine/graph.ts';
import type { StepNode } from '../engine/graph-types.ts';
import type { StoredRun } from '../engine/run-files.ts';
import { newStep, type StepRecord } from '../engine/step-record.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { spanOf, unionMs } from './intervals.ts';

export interface PhaseResult {
  readonly phase: string;
  readonly state: StepState;
  readonly steps: number;
  /** From the start of the run to the phase's first start. */
  readonly startMs?: DurationMs;
  /** Time in which at least one of its steps ran; phases overlap, so the sum is more than the whole. */
  readonly elapsedMs?: DurationMs;
}

export interface ReportedStep {
  readonly id: StepId;
  readonly uses: string;
  readonly summary: string;
  readonly phase: string;
  readonly state: StepState;
  readonly reason?: string;
  /** When its turn came: everything it needs was done and its gate passed. */
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly elapsedMs?: DurationMs;
  readonly tries: number;
  /** Rests on a person's statement: attested, never verified. */
  readonly attested: boolean;
  readonly evidence?: JsonObject;
  readonly effects: readonly { readonly name: string; readonly key: string; readonly state: string }[];
}

/** All steps of a run as its journal has them, in the order of the graph. */
export function reportedSteps(stored: StoredRun): readonly ReportedStep[] {
  const turns = turnsOf(stored);
  return stored.frozen.graph.nodes.map((node) => stepOf(node, recordOf(stored, node.id), turns.get(node.id)));
}

function stepOf(node: StepNode, record: StepRecord, turn: number | undefined): ReportedStep {
  const { state, reason, startedAt, endedAt, tries, attested, evidence } = record;
  const begun = startedAt === undefined || turn === undefined ? undefined : turn;
  return {
    id: node.id,
    uses: node.uses,
    summary: node.summary,
    phase: node.phase,
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(begun === undefined ? {} : { startedAt: new Date(begun).toISOString() }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(begun === undefined || endedAt === undefined ? {} : { elapsedMs: Date.parse(endedAt) - begun }),
    tries,
    attested,
    ...(evidence === undefined ? {} : { evidence }),
    effects: [...record.effects.values()].map(({ name, key, state: effectState }) => ({ name, key, state: effectState })),
  };
}

/**
 * When the turn of each step came: the end of what it needs, its decision, or the moment a new owner took over, whichever was last before its first line.
 * That line itself is written after the step has looked at the world, and looking may take long.
 */
function turnsOf(stored: StoredRun): ReadonlyMap<StepId, number> {
  const { frozen, state } = stored;
  const turns = new Map<StepId, number>();
  for (const node of topologicalOrder<StepId, StepNode>(frozen.graph.nodes)) {
    const { startedAt, decisions } = recordOf(stored, node.id);
    const first = startedAt === undefined ? Infinity : Date.parse(startedAt);
    const ends = node.needs.map((need) => timeOf(recordOf(stored, need).endedAt) ?? turns.get(need) ?? -Infinity);
    const others = [frozen.startedAt, ...decisions.map(({ at }) => at), ...state.owners.map(({ at }) => at)].map((at) => Date.parse(at));
    const before = [...ends, ...others].filter((at) => at <= first);
    turns.set(node.id, Math.max(Date.parse(frozen.startedAt), ...before));
  }
  return turns;
}

function recordOf({ state }: StoredRun, id: StepId): StepRecord {
  return state.steps.get(id) ?? newStep(id);
}

function timeOf(at: string | undefined): number | undefined {
  return at === undefined ? undefined : Date.parse(at);
}

/** The worst state of a phase's steps stands for it. */
const SEVERITY: readonly StepState[] = ['failed', 'cancelled', 'waiting', 'blocked', 'running', 'ready', 'pending', 'succeeded', 'skipped'];

/** Phases in the order in which the graph names them. */
export function phasesOf(steps: readonly ReportedStep[], runStartedAt: string): readonly PhaseResult[] {
  const names = [...new Set(steps.map((step) => step.phase))];
  return names.map((phase) => {
    const own = steps.filter((step) => step.phase === phase);
    const intervals = own.flatMap(({ startedAt, endedAt }) =>
      startedAt === undefined || endedAt === undefined ? [] : [{ from: Date.parse(startedAt), to: Date.parse(endedAt) }],
    );
    const span = spanOf(intervals);
    return {
      phase,
      state: SEVERITY.find((state) => own.some((step) => step.state === state)) ?? 'pending',
      steps: own.length,
      ...(span === undefined ? {} : { startMs: span.from - Date.parse(runStartedAt), elapsedMs: unionMs(intervals) }),
    };
  });
}
