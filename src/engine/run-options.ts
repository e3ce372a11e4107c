import type { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Hold } from '../model/hold.ts';
import type { ClusterName, RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Clock } from '../ports/clock.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { Random } from '../ports/random.ts';
import type { RunStore } from '../ports/run-store.ts';
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
  /** Plan and runbook resolved again now; compared with what the run was started with. Absent: the frozen graph is taken as it is. */
  readonly graph?: StepGraph;
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
