import type { StepProgress } from '../engine/step.ts';
import type { DurationMs } from '../model/duration.ts';
import type { LoadedPlan } from '../runbook/load-plan.ts';

/** What every way of taking a backup is told. */
export interface TakeRequest {
  readonly plan: LoadedPlan;
  /** Name of the backup; without it one that says what it is of and when it was taken. */
  readonly name?: string;
  /** Longest wait for its end. */
  readonly limitMs: DurationMs;
  readonly onProgress: (progress: StepProgress) => void;
}
