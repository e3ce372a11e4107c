import type { RunEvent } from '../../../src/engine/events.ts';
import type { EventBody } from '../../../src/engine/run-scope.ts';
import type { RunId, StepId } from '../../../src/model/ids.ts';

export const RUN = 'east-20260301T030000Z-0001' as RunId;

export function id(text: string): StepId {
  return text as StepId;
}

/** An event at 03:00:00 UTC. */
export function event(body: EventBody): RunEvent {
  return { ...body, run: RUN, at: '2026-03-01T03:00:00.000Z' };
}

export function started(...steps: readonly string[]): RunEvent {
  return event({ type: 'run-started', resumed: false, steps: steps.map((step) => ({ id: id(step), summary: `does ${step}`, phase: step })) });
}
