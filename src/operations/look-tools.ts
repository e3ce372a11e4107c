import type { Clock } from '../ports/clock.ts';
import type { StepPorts } from '../steps/ports.ts';

/** What operations need that look at the world without a run. */
export interface LookTools {
  readonly ports: StepPorts;
  readonly clock: Clock;
  /** Version of the tool, for the record. */
  readonly tool: string;
  readonly signal: AbortSignal;
}
