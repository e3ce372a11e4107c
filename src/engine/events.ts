import type { Hold } from '../model/hold.ts';
import type { RunId, StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { ProcessOwner } from '../ports/processes.ts';
import type { Gate } from './graph-types.ts';
import type { RequestVerb } from './journal-entries.ts';
import type { StepProgress } from './step.ts';

/** State of a step in a run. */
export type StepState = 'pending' | 'ready' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'skipped' | 'blocked' | 'cancelled';

/** States a step never leaves within one ownership of a run, unless a person has it tried again. */
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
      /** `found-undone`: it was on record as done, the world shows that it no longer is, and so it begins again. */
      readonly state: 'started' | 'done' | 'found-done' | 'found-undone' | 'failed';
    }
  | { readonly type: 'gate'; readonly step: StepId; readonly gate: Gate; readonly state: 'asked' | 'approved' | 'declined'; readonly by?: string }
  | {
      /** What became of a request from another process. A file that is no request has no verb. */
      readonly type: 'request';
      readonly request: { readonly id: string; readonly verb?: RequestVerb; readonly step?: StepId; readonly by?: string };
      readonly outcome: 'accepted' | 'rejected';
      readonly reason?: string;
    }
  | { readonly type: 'hold'; readonly hold: Hold; readonly state: 'held' | 'released' }
  | { readonly type: 'journal'; readonly message: string }
  /** The store of run state is away or back, `forMs` after the last line got through. While it is away nothing is begun and nothing goes on. */
  | { readonly type: 'store'; readonly state: 'away' | 'back'; readonly forMs: number }
  /** The run is taken from a process that may still live; it is waited for, for `forMs` at most, or was for so long. */
  | {
      readonly type: 'take-over';
      readonly state: 'waiting' | 'over';
      readonly from: ProcessOwner;
      readonly reason: string;
      readonly forMs: number;
      readonly waitsFor: string;
    }
  | { readonly type: 'run-ended'; readonly state: 'succeeded' | 'failed' | 'cancelled' | 'waiting'; readonly elapsedMs: number }
);

/** Receives run events. Must not throw and must not block: the run never waits for a view. */
export type RunEventSink = (event: RunEvent) => void;
