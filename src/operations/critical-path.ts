import type { DurationMs } from '../model/duration.ts';
import { type Interval, unionMs } from './intervals.ts';

/** A step as far as the critical path is concerned. Times are milliseconds since the epoch; a step without times did not run. */
export interface TimedStep<Id extends string> {
  readonly id: Id;
  readonly needs: readonly Id[];
  readonly span?: Interval;
  /** While a person was being waited for. */
  readonly waits?: readonly Interval[];
}

/** One step of the critical path and the time that it alone accounts for: from the end of the step before it to its own end. */
export interface CriticalStep<Id extends string> {
  readonly id: Id;
  /** It ran. */
  readonly elapsedMs: DurationMs;
  /** Before it began, a person was being waited for. */
  readonly waitedMs: DurationMs;
  /** Nothing of this chain happened: no process owned the run, or no slot was free. */
  readonly idleMs: DurationMs;
}

/** The run that the steps belong to. */
export interface RunTimes {
  /** When it began. */
  readonly start: number;
  /** While no process owned it. */
  readonly gaps?: readonly Interval[];
}

/**
 * The chain of steps that determined when the run ended: from the step that ended last back through, at each one, the need that ended last. The times of its
 * steps cover the whole from the run's start to that end without overlap, so making anything outside it faster does not end the run sooner. Order passes through
 * steps that did not run. Pure.
 */
export function criticalPath<Id extends string>(steps: readonly TimedStep<Id>[], { start, gaps = [] }: RunTimes): readonly CriticalStep<Id>[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const path: CriticalStep<Id>[] = [];
  const seen = new Set<Id>();
  let step = lastOf(steps);
  while (step !== undefined && !seen.has(step.id)) {
    seen.add(step.id);
    const before = lastOf(needsThatRan(step, byId));
    path.push(partOf(step, { from: Math.max(start, before?.span?.to ?? start), gaps }));
    step = before;
  }
  return path.reverse();
}

function lastOf<Id extends string>(steps: readonly TimedStep<Id>[]): TimedStep<Id> | undefined {
  return steps.reduce<TimedStep<Id> | undefined>(
    (last, step) => (step.span !== undefined && step.span.to >= (last?.span?.to ?? -Infinity) ? step : last),
    undefined,
  );
}

/** What had to end before a step: its needs, or where one of them did not run, the needs of that. */
function needsThatRan<Id extends string>(step: TimedStep<Id>, byId: ReadonlyMap<Id, TimedStep<Id>>): readonly TimedStep<Id>[] {
  const found: TimedStep<Id>[] = [];
  const seen = new Set<Id>();
  const open = [...step.needs];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const need = byId.get(id);
    if (need === undefined || seen.has(id)) continue;
    seen.add(id);
    if (need.span === undefined) open.push(...need.needs);
    // A need that was done again by a later owner may end after what it was needed for; it did not hold that up.
    else if (need.span.to <= (step.span?.to ?? Infinity)) found.push(need);
  }
  return found;
}

function partOf<Id extends string>(
  { id, span, waits = [] }: TimedStep<Id>,
  { from, gaps }: { readonly from: number; readonly gaps: readonly Interval[] },
): CriticalStep<Id> {
  const to = Math.max(from, span?.to ?? from);
  const begun = Math.min(to, Math.max(from, span?.from ?? from));
  const waitedMs = unionMs(waits.flatMap((wait) => clipped(wait, from, begun)));
  const brokenMs = unionMs(gaps.flatMap((gap) => clipped(gap, begun, to)));
  return { id, elapsedMs: to - begun - brokenMs, waitedMs, idleMs: begun - from - waitedMs + brokenMs };
}

function clipped(interval: Interval, from: number, to: number): readonly Interval[] {
  const part = { from: Math.max(interval.from, from), to: Math.min(interval.to, to) };
  return part.to > part.from ? [part] : [];
}
