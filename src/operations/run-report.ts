import { z } from 'zod';
import type { JournalEntry } from '../engine/journal-entries.ts';
import { readRun, type StoredRun } from '../engine/run-files.ts';
import { type HoldRecord, openHolds } from '../engine/run-state.ts';
import type { StepRecord } from '../engine/step-record.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Hold } from '../model/hold.ts';
import type { RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { duration } from '../model/plan/fields.ts';
import type { RunStore } from '../ports/run-store.ts';
import { recoveryPointSchema } from '../steps/backup/recovery-point-schema.ts';
import { type Interval, unionMs } from './intervals.ts';
import { type PhaseResult, phasesOf, type ReportedStep, reportedSteps } from './report-steps.ts';

/** All that is to be said about a run, from its journal alone. */
export interface RunReport {
  readonly run: RunId;
  readonly cluster: string;
  readonly mode: string;
  readonly runbook: string;
  readonly tool: string;
  readonly inputs: JsonObject;
  readonly location: string;
  readonly state: string;
  readonly startedAt: string;
  /** When the run ended; absent while it goes on. */
  readonly endedAt?: string;
  readonly resumes: number;
  readonly rto: RtoResult;
  readonly phases: readonly PhaseResult[];
  readonly steps: readonly ReportedStep[];
  /** Steps that nobody had to help. */
  readonly automatic: readonly StepId[];
  /** What a person did or has to do. */
  readonly people: readonly PersonItem[];
  readonly lost: readonly LostItem[];
  readonly holds: readonly Hold[];
  readonly released: readonly HoldRecord[];
}

export interface RtoResult {
  /** From the start of the run to proven health, or to its end when it succeeded without a step that proves it. Absent when nothing is proven. */
  readonly elapsedMs?: DurationMs;
  readonly objectiveMs?: DurationMs;
  readonly met?: boolean;
  /** Of it, while somebody was being waited for. */
  readonly waitedMs: DurationMs;
}

export interface PersonItem {
  readonly what: string;
  readonly who?: string;
  readonly at?: string;
  /** `done`: decided or stated. `open`: still to be done. */
  readonly state: 'done' | 'open';
}

export interface LostItem {
  readonly what: string;
  readonly why: string;
  /** Age of the recovery point when the run began: at most this much is lost. */
  readonly minutes?: number;
}

const recoveryPoints = z.object({ recoveryPoints: z.array(recoveryPointSchema) });
const lostVolumes = z.object({ lost: z.array(z.object({ claim: z.string(), reason: z.string() })) });
const planParts = z.object({
  objectives: z.object({ rto: duration }),
  dns: z.object({ records: z.array(z.object({ name: z.string(), type: z.string(), owner: z.string() })) }).optional(),
  externals: z.array(z.object({ name: z.string(), what: z.string(), owner: z.string() })).optional(),
});

/** Reports a run from its journal. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function reportRun(store: RunStore, run: RunId): Promise<RunReport> {
  return reportOf(await readRun(store, run), store.location);
}

/** Folds a stored run into a report. Pure. */
function reportOf(stored: StoredRun, location: string): RunReport {
  const { frozen, state } = stored;
  const steps = reportedSteps(stored);
  return {
    run: frozen.id,
    cluster: frozen.cluster,
    mode: frozen.mode,
    runbook: frozen.graph.name,
    tool: frozen.tool,
    inputs: frozen.graph.inputs,
    location,
    state: state.end?.state ?? state.status,
    startedAt: frozen.startedAt,
    ...(state.end === undefined ? {} : { endedAt: state.end.at }),
    resumes: Math.max(0, state.owners.length - 1),
    rto: rtoOf(stored, healthyAt(steps) ?? (state.end?.state === 'succeeded' ? state.end.at : undefined)),
    phases: phasesOf(steps, frozen.startedAt),
    steps,
    automatic: steps.filter((step) => step.state === 'succeeded' && !step.attested && decisionsOf(stored, step.id).length === 0).map((step) => step.id),
    people: peopleOf(stored, steps),
    lost: lostOf(stored),
    holds: openHolds(state),
    released: [...state.holds.values()].filter((record) => record.releasedAt !== undefined),
  };
}

/** When the last step that proves health succeeded: that is what the objective is about, not what is tidied up afterwards. */
function healthyAt(steps: readonly ReportedStep[]): string | undefined {
  const proofs = steps.filter((step) => step.uses.startsWith('health/') && step.state !== 'skipped');
  if (proofs.length === 0 || proofs.some((step) => step.state !== 'succeeded')) return undefined;
  return proofs
    .map((step) => step.endedAt ?? '')
    .sort()
    .at(-1);
}

function rtoOf({ frozen, journal }: StoredRun, provenAt: string | undefined): RtoResult {
  const plan = planParts.safeParse(frozen.graph.plan);
  const objectiveMs = plan.success ? plan.data.objectives.rto : undefined;
  const elapsedMs = provenAt === undefined ? undefined : Date.parse(provenAt) - Date.parse(frozen.startedAt);
  return {
    ...(elapsedMs === undefined ? {} : { elapsedMs }),
    ...(objectiveMs === undefined ? {} : { objectiveMs }),
    ...(elapsedMs === undefined || objectiveMs === undefined ? {} : { met: elapsedMs <= objectiveMs }),
    waitedMs: unionMs(waits(journal.entries)),
  };
}

/** From each question, as first asked, to its answer. */
function waits(entries: readonly JournalEntry[]): readonly Interval[] {
  const asked = new Map<string, number>();
  return entries.flatMap((entry) => {
    if (entry.type === 'gate-asked' && !asked.has(entry.step)) asked.set(entry.step, Date.parse(entry.at));
    const from = entry.type === 'gate-decided' ? asked.get(entry.step) : undefined;
    if (from === undefined || entry.type !== 'gate-decided') return [];
    asked.delete(entry.step);
    return [{ from, to: Date.parse(entry.at) }];
  });
}

function decisionsOf({ state }: StoredRun, step: StepId): StepRecord['decisions'] {
  return state.steps.get(step)?.decisions ?? [];
}

function peopleOf(stored: StoredRun, steps: readonly ReportedStep[]): readonly PersonItem[] {
  const plan = planParts.safeParse(stored.frozen.graph.plan);
  const decided = steps.flatMap((step) =>
    decisionsOf(stored, step.id).map(({ decision, by, at }): PersonItem => ({ what: `${step.id}: ${decision}`, who: by, at, state: 'done' })),
  );
  const waiting = steps
    .filter((step) => step.state === 'waiting')
    .map((step): PersonItem => ({ what: `${step.id}: ${step.reason ?? 'waits'}`, state: 'open' }));
  if (!plan.success) return [...decided, ...waiting];
  const records = (plan.data.dns?.records ?? []).filter((record) => record.owner === 'manual');
  return [
    ...decided,
    ...waiting,
    ...records.map((record): PersonItem => ({ what: `DNS record ${record.name} ${record.type} is moved by hand`, state: 'open' })),
    ...(plan.data.externals ?? []).map(({ name, what, owner }): PersonItem => ({ what: `${name}: ${what}`, who: owner, state: 'open' })),
  ];
}

/** What did not come back: volumes that no recovery point has data of, and what was written after each recovery point. */
function lostOf({ frozen, state }: StoredRun): readonly LostItem[] {
  const outputs = [...state.steps.values()].map((step) => step.outputs);
  const points = outputs.flatMap((value) => recoveryPoints.safeParse(value).data?.recoveryPoints ?? []);
  const volumes = outputs.flatMap((value) => lostVolumes.safeParse(value).data?.lost ?? []);
  const without = new Map([...points.flatMap((point) => point.withoutData), ...volumes].map(({ claim, reason }) => [claim, reason]));
  return [
    ...[...without].map(([claim, reason]): LostItem => ({ what: `volume ${claim}`, why: `the recovery point holds no data of it: ${reason}` })),
    ...points.map(
      (point): LostItem => ({
        what: `writes to ${point.volumes.length} volumes of store ${point.store}`,
        why: `made after recovery point ${point.name} of ${point.completedAt}`,
        minutes: Math.max(0, Math.round((Date.parse(frozen.startedAt) - Date.parse(point.completedAt)) / 60_000)),
      }),
    ),
  ];
}
