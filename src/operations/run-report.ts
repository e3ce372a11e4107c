import { z } from 'zod';
import { clockSetBackMs } from '../engine/clock-set-back.ts';
import type { RecordedError } from '../engine/journal-entries.ts';
import type { StoredRun } from '../engine/run-files.ts';
import type { ChangeRecord, HoldRecord } from '../engine/run-state.ts';
import type { StepRecord } from '../engine/step-record.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Hold } from '../model/hold.ts';
import type { RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { duration } from '../model/plan/fields.ts';
import type { RunStore } from '../ports/run-store.ts';
import { chosenSources, sourceText, type VolumeSource } from '../steps/volumes/source-schema.ts';
import { type CriticalStep, criticalPath, type TimedStep } from './critical-path.ts';
import { type Interval, unionMs } from './intervals.ts';
import { type DecisionItem, decisionsIn, endIn, gapsBetween, type JournalFacts, journalFacts, type OwnerItem, ownersIn } from './report-evidence.ts';
import { knowledgeOf, type RunKnowledge, unsavedSpecs } from './report-knowledge.ts';
import { intervalOf, type PhaseResult, phasesOf, type ReportedStep, reportedSteps } from './report-steps.ts';
import { type UnprovenItem, unprovenIn } from './report-unproven.ts';
import { type RunArchive, readArchive, readArchived } from './run-archive.ts';

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
  /** Time of the journal's last line. */
  readonly lastAt: string;
  readonly error?: RecordedError;
  readonly resumes: number;
  /** Plans, runbooks and commits that were taken over since it started, oldest first. */
  readonly changes: readonly ChangeRecord[];
  readonly owners: readonly OwnerItem[];
  readonly rto: RtoResult;
  readonly phases: readonly PhaseResult[];
  /** The chain of steps that determined when the run ended, or how far it has come. */
  readonly criticalPath: readonly CriticalStep<StepId>[];
  readonly steps: readonly ReportedStep[];
  /** Steps that nobody had to help. */
  readonly automatic: readonly StepId[];
  /** What a person did or has to do. */
  readonly people: readonly PersonItem[];
  readonly decisions: readonly DecisionItem[];
  readonly lost: readonly LostItem[];
  /** Safety steps that a person overrode. */
  readonly unproven: readonly UnprovenItem[];
  /** What was known from before, and what was saved from the old cluster. */
  readonly knowledge: RunKnowledge;
  readonly holds: readonly OpenHold[];
  readonly released: readonly HoldRecord[];
  readonly journal: JournalFacts;
}

/** What is put aside, by which step and since when. */
export interface OpenHold extends Hold {
  readonly step: StepId;
  readonly heldAt: string;
}

export interface RtoResult {
  /** From the start of the run to proven health, or to its end when it succeeded without a step that proves it. Absent when nothing is proven. */
  readonly elapsedMs?: DurationMs;
  readonly objectiveMs?: DurationMs;
  readonly met?: boolean;
  /** Of it, while somebody was being waited for. */
  readonly waitedMs: DurationMs;
  /** How far the clock was set back meanwhile. Present only if it was; then nobody can tell how long the run took, and nothing else is said. */
  readonly clockSetBackMs?: DurationMs;
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
  /** Age of the bytes when the run began: at most this much is lost. */
  readonly minutes?: number;
}

const planParts = z.object({
  objectives: z.object({ rto: duration }),
  dns: z.object({ records: z.array(z.object({ name: z.string(), type: z.string(), owner: z.string() })) }).optional(),
  externals: z.array(z.object({ name: z.string(), what: z.string(), owner: z.string() })).optional(),
});

/** Reports a run from its journal. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function reportRun(store: RunStore, run: RunId): Promise<RunReport> {
  return await reportArchive(await readArchive(store, run));
}

/** Reports a run from a copy of its record. Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`. */
export async function reportArchive(archive: RunArchive): Promise<RunReport> {
  return reportOf(await readArchived(archive), archive.location);
}

/** Folds a stored run into a report. Pure. */
function reportOf(stored: StoredRun, location: string): RunReport {
  const { frozen, state } = stored;
  const { entries } = stored.journal;
  const steps = reportedSteps(stored);
  const knowledge = knowledgeOf(stored);
  const endedAt = endIn(entries);
  const owners = ownersIn(entries);
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
    ...(endedAt === undefined ? {} : { endedAt }),
    lastAt: state.lastAt ?? frozen.startedAt,
    ...(state.end?.error === undefined ? {} : { error: state.end.error }),
    resumes: Math.max(0, owners.filter(({ purpose }) => purpose === 'run').length - 1),
    changes: state.changes,
    owners,
    rto: rtoOf(stored, steps),
    phases: phasesOf(steps, frozen.startedAt),
    criticalPath: criticalPath(timedSteps(steps), { start: Date.parse(frozen.startedAt), gaps: gapsBetween(owners) }),
    steps,
    automatic: steps.filter((step) => step.state === 'succeeded' && !step.attested && decisionsOf(stored, step.id).length === 0).map((step) => step.id),
    people: peopleOf(stored, steps),
    decisions: decisionsIn(entries),
    unproven: unprovenIn(stored),
    lost: [...lostOf(stored), ...unsavedSpecs(knowledge)],
    knowledge,
    holds: [...state.holds.values()].flatMap(({ hold, step, heldAt, releasedAt }) => (releasedAt === undefined ? [{ ...hold, step, heldAt }] : [])),
    released: [...state.holds.values()].filter((record) => record.releasedAt !== undefined),
    journal: journalFacts(stored),
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

function rtoOf({ frozen, state, journal }: StoredRun, steps: readonly ReportedStep[]): RtoResult {
  const provenAt = healthyAt(steps) ?? (state.end?.state === 'succeeded' ? endIn(journal.entries) : undefined);
  const plan = planParts.safeParse(frozen.graph.plan);
  const objectiveMs = plan.success ? plan.data.objectives.rto : undefined;
  const backMs = clockSetBackMs(journal.entries);
  const elapsedMs = provenAt === undefined || backMs > 0 ? undefined : Date.parse(provenAt) - Date.parse(frozen.startedAt);
  return {
    ...(backMs === 0 ? {} : { clockSetBackMs: backMs }),
    ...(elapsedMs === undefined ? {} : { elapsedMs }),
    ...(objectiveMs === undefined ? {} : { objectiveMs }),
    ...(elapsedMs === undefined || objectiveMs === undefined ? {} : { met: elapsedMs <= objectiveMs }),
    waitedMs: unionMs(steps.flatMap((step) => waitsOf(step))),
  };
}

function waitsOf({ waits }: ReportedStep): readonly Interval[] {
  return waits.map(({ from, to }) => ({ from: Date.parse(from), to: Date.parse(to) }));
}

/** A guard lasts as long as what it protects, so it explains no time; a step that waits or was cancelled has no end. */
function timedSteps(steps: readonly ReportedStep[]): readonly TimedStep<StepId>[] {
  return steps.map((step) => {
    const span = step.protects === undefined ? intervalOf(step) : undefined;
    return { id: step.id, needs: step.needs, waits: waitsOf(step), ...(span === undefined ? {} : { span }) };
  });
}

function decisionsOf({ state }: StoredRun, step: StepId): StepRecord['decisions'] {
  return state.steps.get(step)?.decisions ?? [];
}

function peopleOf(stored: StoredRun, steps: readonly ReportedStep[]): readonly PersonItem[] {
  const plan = planParts.safeParse(stored.frozen.graph.plan);
  const decided = steps.flatMap((step) =>
    decisionsOf(stored, step.id).map(({ decision, by, at, signed }): PersonItem => {
      const proof = signed === undefined ? 'unverified' : `signed with ${signed.key}`;
      return { what: `${step.id}: ${decision}`, who: `${by} (${proof})`, at, state: 'done' };
    }),
  );
  const leftOut = steps.flatMap(({ id }): readonly PersonItem[] => {
    const skip = stored.state.steps.get(id)?.skip;
    if (skip === undefined) return [];
    return [{ what: `${id}: ${skip.override ? 'safety overridden' : 'left out'}: ${skip.reason}`, who: skip.by, at: skip.at, state: 'done' }];
  });
  const waiting = steps
    .filter((step) => step.state === 'waiting')
    .map((step): PersonItem => ({ what: `${step.id}: ${step.reason ?? 'waits'}`, state: 'open' }));
  if (!plan.success) return [...decided, ...leftOut, ...waiting];
  const records = (plan.data.dns?.records ?? []).filter((record) => record.owner === 'manual');
  return [
    ...decided,
    ...leftOut,
    ...waiting,
    ...records.map((record): PersonItem => ({ what: `DNS record ${record.name} ${record.type} is moved by hand`, state: 'open' })),
    ...(plan.data.externals ?? []).map(({ name, what, owner }): PersonItem => ({ what: `${name}: ${what}`, who: owner, state: 'open' })),
  ];
}

/** What did not come back: volumes without a source, and what was written to the others after their bytes were saved. */
function lostOf({ frozen, state }: StoredRun): readonly LostItem[] {
  const nodes = frozen.graph.nodes.filter(({ uses }) => uses === 'volumes/sources');
  const chosen = nodes.flatMap(({ id }) => chosenSources.safeParse(state.steps.get(id)?.outputs).data ?? []);
  return chosen.flatMap(({ sources, lost }) => [
    ...lost.map(({ claim, reason }): LostItem => ({ what: `volume ${claim}`, why: reason })),
    ...[...Map.groupBy(sources, lostWrites)].flatMap(([why, alike]): readonly LostItem[] => {
      const minutes = alike[0]?.minutesLost ?? 0;
      return minutes === 0 ? [] : [{ what: `writes to ${alike.map(({ claim }) => claim).join(', ')}`, why, minutes }];
    }),
  ]);
}

/** The same for volumes that lose the same. */
function lostWrites(source: VolumeSource): string {
  const { minutesLost, objectiveMinutes } = source;
  return `made after ${sourceText(source)}${minutesLost > objectiveMinutes ? `, more than the objective of ${objectiveMinutes} min` : ''}`;
}
