import type { Hold } from '../model/hold.ts';
import type { RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Gate } from './graph-types.ts';
import type { StepProgress } from './step.ts';

/** State of a step in a run. */
export type StepState = 'pending' | 'ready' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'blocked' | 'cancelled';

/** States a step never leaves within one ownership of a run. */
export const FINAL_STATES: ReadonlySet<StepState> = new Set(['succeeded', 'failed', 'skipped', 'blocked', 'cancelled']);

/** What a view, a log or a JSON-lines stream receives. `at` is ISO 8601 UTC. Views never influence the run. */
export type RunEvent = { readonly at: string; readonly run: RunId } & (
  | {
      readonly type: 'run-started';
      readonly resumed: boolean;
      readonly steps: readonly { readonly id: StepId; readonly summary: string; readonly phase: string }[];
    }
  | {
      readonly type: 'step-state';
      readonly step: StepId;
      readonly state: StepState;
      readonly reason?: string;
      readonly elapsedMs?: number;
      readonly evidence?: JsonObject;
    }
  | { readonly type: 'step-progress'; readonly step: StepId; readonly progress: StepProgress }
  | {
      readonly type: 'step-retry';
      readonly step: StepId;
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: { readonly code: string; readonly message: string };
    }
  | {
      readonly type: 'effect';
      readonly step: StepId;
      readonly name: string;
      readonly key: string;
      readonly state: 'started' | 'done' | 'found-done' | 'failed';
    }
  | { readonly type: 'gate'; readonly step: StepId; readonly gate: Gate; readonly state: 'asked' | 'approved' | 'declined'; readonly by?: string }
  | { readonly type: 'hold'; readonly hold: Hold; readonly state: 'held' | 'released' }
  | { readonly type: 'journal'; readonly message: string }
  | { readonly type: 'run-ended'; readonly state: 'succeeded' | 'failed' | 'cancelled' | 'waiting'; readonly elapsedMs: number }
);

/** Receives run events. Must not throw and must not block: the run never waits for a view. */
export type RunEventSink = (event: RunEvent) => void;
