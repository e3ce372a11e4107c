import type { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Hold } from '../model/hold.ts';
import type { ClusterName, RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { RunStore } from '../ports/run-store.ts';
import type { Signatures } from '../ports/signatures.ts';
import type { Decisions } from './decisions.ts';
import type { RunEventSink, StepState } from './events.ts';
import type { ExpressionEvaluator } from './expression.ts';
import type { StepGraph } from './graph-types.ts';
import type { Prompter } from './prompter.ts';
import type { RunEndState } from './run-state.ts';
import type { StepCatalogue } from './step.ts';

/** What owning a run needs: where it lives and who we are. */
export interface OwnerEnvironment {
  readonly store: RunStore;
  readonly clock: Clock;
  readonly random: Random;
  /** This process. */
  readonly owner: ProcessOwner;
  /** Whether a process may still live: `false` only when it is proven gone, so `true` for one that cannot be looked at from here. */
  readonly isAlive: (owner: ProcessOwner) => Promise<boolean>;
  /** How a person knows that the process which holds the cluster is gone. Counts only for one that cannot be looked at from here. */
  readonly ownerGone?: string;
  /** Why the cluster is taken from a process that may still live. It is fenced, and then waited for. */
  readonly takeOver?: string;
  /** Cancels the wait for such a process, and what waits for a store that is away. */
  readonly signal?: AbortSignal;
  /** Version of the tool, for the record. */
  readonly tool: string;
  readonly events: RunEventSink;
}

/** What executing a run needs besides. */
export interface RunEnvironment<P = unknown> extends OwnerEnvironment {
  readonly catalogue: StepCatalogue<P>;
  /** Handed to every step as `ctx.ports`. */
  readonly ports: P;
  readonly evaluator: ExpressionEvaluator;
  readonly prompter: Prompter;
  readonly decisions: Decisions;
  /** How long each question waits for an answer from another process when there is nobody to ask here. Default 0: the run ends, and a resume goes on. */
  readonly waitForAnswersMs?: DurationMs;
  /** Verifies signed decisions. Absent: a signed one is refused, because nobody here can tell whether it is genuine. */
  readonly signatures?: Signatures;
  /** Cancels the run. */
  readonly signal: AbortSignal;
  /** Most steps that run at a time. Default 32: more than any runbook has side by side, few enough for a laptop's sockets. */
  readonly concurrency?: number;
}

export interface StartRunOptions<P = unknown> extends RunEnvironment<P> {
  readonly graph: StepGraph;
  readonly cluster: ClusterName;
  readonly mode: 'recovery' | 'drill';
  /** Where plan and runbook came from, kept with the run so that a resume can find them. */
  readonly sources: JsonObject;
}

export interface ResumeRunOptions<P = unknown> extends RunEnvironment<P> {
  readonly run: RunId;
  /** Plan and runbook resolved again now; compared with what the run goes by. Absent: the frozen graph is taken as it is. */
  readonly graph?: StepGraph;
  /** What the run is to go by from now on. Absent: a difference stops with `RUN_CHANGED`. */
  readonly change?: WantedChange;
  /** The command that takes a difference over, for the error that names one. */
  readonly changeCommand?: string;
}

/** A plan, runbook or commit that a resume is to go by. */
export interface WantedChange {
  /** As `graph`, save that files are where they are now: a plan that was only moved is no difference. */
  readonly graph: StepGraph;
  readonly sources: JsonObject;
}

/** How one step of a run ended. */
export interface StepResult {
  readonly id: StepId;
  readonly summary: string;
  readonly phase: string;
  readonly state: StepState;
  readonly reason?: string;
  readonly outputs?: JsonObject;
  readonly error?: DrError;
  /** Found done: nothing was executed by this process. */
  readonly found: boolean;
  /** Rests on a person's statement. */
  readonly attested: boolean;
  /** A safety step that a person overrode: by whom and why. What it proves is not proven. */
  readonly overridden?: string;
  /** From its first start in this process; 0 when it never started. */
  readonly elapsedMs: DurationMs;
}

/** How a run ended under this process. A run that began never throws: whatever happened is in here. */
export interface RunResult {
  readonly run: RunId;
  readonly cluster: ClusterName;
  readonly state: RunEndState;
  /** Why it did not succeed; its kind gives the exit code. */
  readonly error?: DrError;
  /** The step that the error comes from, when it is one step's. */
  readonly step?: StepId;
  /** In the order of the graph. */
  readonly steps: readonly StepResult[];
  /** What is still put aside. */
  readonly holds: readonly Hold[];
  /** Where the run's state is. */
  readonly location: string;
  readonly resumed: boolean;
  readonly elapsedMs: DurationMs;
}
