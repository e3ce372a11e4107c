import { unionMs } from './waits.ts';

/** A time in which the code of a step was at work, in milliseconds since the program began. */
export interface Work {
  readonly step: string;
  readonly from: number;
  readonly to: number;
}

/** A step, and what has to end before it. */
export interface Needing {
  readonly id: string;
  readonly needs: readonly string[];
}

/**
 * How long the steps were at work that determined when the last one ended: from that one back, each time to the need that ended last. What lies between them is not
 * counted, nor what a step waited in the middle. A step that did nothing passes on to its own needs.
 */
export function pathWorkMs(steps: readonly Needing[], works: readonly Work[]): number {
  const own = Map.groupBy(works, ({ step }) => step);
  const needs = new Map(steps.map((step) => [step.id, step.needs]));
  const endOf = (step: string): number => Math.max(...(own.get(step) ?? []).map(({ to }) => to));
  const workers = (step: string): readonly string[] => (needs.get(step) ?? []).flatMap((need) => (own.has(need) ? [need] : workers(need)));
  const last = (candidates: Iterable<string>): string | undefined => [...candidates].toSorted((a, b) => endOf(b) - endOf(a))[0];
  let total = 0;
  for (let step = last(own.keys()); step !== undefined; step = last(workers(step))) total += unionMs(own.get(step) ?? []);
  return total;
}
