import type { DurationMs } from '../model/duration.ts';

/** A span of time in milliseconds since the epoch; `to` is not before `from`. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** Time covered by at least one of the intervals. */
export function unionMs(intervals: readonly Interval[]): DurationMs {
  let covered = 0;
  let end = -Infinity;
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    covered += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return covered;
}

/** From the first start to the last end; `undefined` for none. */
export function spanOf(intervals: readonly Interval[]): Interval | undefined {
  if (intervals.length === 0) return undefined;
  return { from: Math.min(...intervals.map(({ from }) => from)), to: Math.max(...intervals.map(({ to }) => to)) };
}
