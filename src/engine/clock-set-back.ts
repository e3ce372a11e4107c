import type { DurationMs } from '../model/duration.ts';
import type { JournalEntry } from './journal-entries.ts';

/** Clocks of two machines that are kept by NTP differ by less: 10 s. What is more was set by hand, or not kept at all. */
const SKEW_MS = 10_000;

/**
 * How far the times of a journal go back, from one line to the next, at most; 0 when they do not, or by no more than clocks of two machines may differ. A run
 * goes on over it: only lines are ordered by their numbers, and waits are measured by clocks that nobody can set. But its times do not add up.
 */
export function clockSetBackMs(entries: readonly Pick<JournalEntry, 'at'>[], nowMs?: number): DurationMs {
  let worst = 0;
  let last = -Infinity;
  for (const at of [...entries.map((entry) => Date.parse(entry.at)), ...(nowMs === undefined ? [] : [nowMs])]) {
    worst = Math.max(worst, last - at);
    last = at;
  }
  return worst > SKEW_MS ? worst : 0;
}
