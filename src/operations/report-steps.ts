import type { StepState } from '../engine/events.ts';
import { topologicalOrder } from '../engine/graph.ts';
import type { StepNode } from '../engine/graph-types.ts';
import type { EvidenceFile } from '../engine/journal-entries.ts';
import type { StoredRun } from '../engine/run-files.ts';
import type { Risk } from '../engine/step.ts';
import { type EffectRecord, newStep, type StepRecord } from '../engine/step-record.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { type Interval, spanOf, unionMs } from './intervals.ts';
import { type EffectTimes, type RetriedTry, type StepFailure, type StepHistory, stepHistories } from './step-history.ts';

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
  readonly risk: Risk;
  /** Cannot be left out, only overridden. */
  readonly safety: boolean;
  readonly needs: readonly StepId[];
  /** Steps that it watches over. */
  readonly protects?: readonly StepId[];
  readonly state: StepState;
  readonly reason?: string;
  /** When its turn came: everything it needs was done and its gate passed. */
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly elapsedMs?: DurationMs;
  readonly tries: number;
  /** Starts of tries, over all owners. */
  readonly triedAt: readonly string[];
  readonly retries: readonly RetriedTry[];
  readonly failures: readonly StepFailure[];
  /** While a person was being waited for. */
  readonly waits: readonly { readonly from: string; readonly to: string }[];
  /** It was found done, and this run never executed it. */
  readonly found: boolean;
  /** Rests on a person's statement: attested, never verified. */
  readonly attested: boolean;
  readonly evidence?: JsonObject;
  readonly effects: readonly ReportedEffect[];
  /** Detail files beside the run. */
  readonly logs: readonly EvidenceFile[];
}

/** A sub-effect of a step: what it did to the world. */
export interface ReportedEffect extends EffectTimes, Pick<EffectRecord, 'name' | 'key' | 'state'> {}

/** A step of which the journal has no line. */
const NO_HISTORY: StepHistory = { tries: [], retries: [], failures: [], effects: new Map(), waits: [], logs: [] };

/** All steps of a run as its journal has them, in the order of the graph. */
export function reportedSteps(stored: StoredRun): readonly ReportedStep[] {
  const turns = turnsOf(stored);
  const histories = stepHistories(stored.journal.entries);
  return stored.frozen.graph.nodes.map((node) => ({
    ...stepOf(node, recordOf(stored, node.id), turns.get(node.id)),
    ...pastOf(recordOf(stored, node.id), histories.get(node.id) ?? NO_HISTORY),
  }));
}

type Past = Pick<ReportedStep, 'found' | 'triedAt' | 'retries' | 'failures' | 'waits' | 'effects' | 'logs'>;

function pastOf(record: StepRecord, { tries, waits, effects, ...history }: StepHistory): Past {
  return {
    ...history,
    triedAt: tries,
    found: record.found && tries.length === 0,
    waits: waits.map(({ from, to }) => ({ from: isoTime(from), to: isoTime(to) })),
    effects: [...record.effects].map(([id, { name, key, state }]) => ({ name, key, state, ...(effects.get(id) ?? { found: false }) })),
  };
}

function stepOf(node: StepNode, record: StepRecord, turn: number | undefined): Omit<ReportedStep, keyof Past> {
  const { state, reason, startedAt, endedAt, tries, attested, evidence } = record;
  const begun = startedAt === undefined || turn === undefined ? undefined : turn;
  return {
    id: node.id,
    uses: node.uses,
    summary: node.summary,
    phase: node.phase,
    risk: node.risk,
    safety: node.safety,
    needs: node.needs,
    ...(node.guard === undefined ? {} : { protects: node.guard.protects }),
    state,
    ...(reason === undefined ? {} : { reason }),
    ...(begun === undefined ? {} : { startedAt: isoTime(begun) }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(begun === undefined || endedAt === undefined ? {} : { elapsedMs: Date.parse(endedAt) - begun }),
    tries,
    attested,
    ...(evidence === undefined ? {} : { evidence }),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** When a step ran, or `undefined` when it has not, or not to an end. */
export function intervalOf({ startedAt, endedAt }: Pick<ReportedStep, 'startedAt' | 'endedAt'>): Interval | undefined {
  return startedAt === undefined || endedAt === undefined ? undefined : { from: Date.parse(startedAt), to: Date.parse(endedAt) };
}

/**
 * When the turn of each step came: the end of what it needs, its decision, or the moment a new owner took over, whichever was last before its first line.
 * That line itself is written after the step has looked at the world, and looking may take long.
 */
function turnsOf(stored: StoredRun): ReadonlyMap<StepId, number> {
  const { frozen, state } = stored;
  const turns = new Map<StepId, number>();
  // When a step let those go on that need it; order passes through one that did not run.
  const done = new Map<StepId, number>();
  for (const node of topologicalOrder<StepId, StepNode>(frozen.graph.nodes)) {
    const { startedAt, endedAt, decisions } = recordOf(stored, node.id);
    const first = startedAt === undefined ? Infinity : Date.parse(startedAt);
    const needed = node.needs.map((need) => done.get(need) ?? -Infinity);
    const others = [frozen.startedAt, ...decisions.map(({ at }) => at), ...state.owners.map(({ at }) => at)].map((at) => Date.parse(at));
    turns.set(node.id, Math.max(Date.parse(frozen.startedAt), ...[...needed, ...others].filter((at) => at <= first)));
    done.set(node.id, endedAt === undefined ? Math.max(-Infinity, ...needed) : Date.parse(endedAt));
  }
  return turns;
}

function recordOf({ state }: StoredRun, id: StepId): StepRecord {
  return state.steps.get(id) ?? newStep(id);
}

/** The worst state of a phase's steps stands for it. */
const SEVERITY: readonly StepState[] = ['failed', 'cancelled', 'waiting', 'blocked', 'running', 'ready', 'pending', 'succeeded', 'skipped'];

/** Phases in the order in which the graph names them. */
export function phasesOf(steps: readonly ReportedStep[], runStartedAt: string): readonly PhaseResult[] {
  const names = [...new Set(steps.map((step) => step.phase))];
  return names.map((phase) => {
    const own = steps.filter((step) => step.phase === phase);
    const intervals = own.flatMap((step) => intervalOf(step) ?? []);
    const span = spanOf(intervals);
    return {
      phase,
      state: SEVERITY.find((state) => own.some((step) => step.state === state)) ?? 'pending',
      steps: own.length,
      ...(span === undefined ? {} : { startMs: span.from - Date.parse(runStartedAt), elapsedMs: unionMs(intervals) }),
    };
  });
}
