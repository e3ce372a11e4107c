import type { JournalEntry } from '../../src/engine/journal-entries.ts';

/**
 * Names what a journal line is about, the same in every run and after every resume: uids, times and digests are left out. `effect-done|retire|delete-latticecluster`.
 */
export function placeOf(entry: JournalEntry): string {
  const detail = 'name' in entry ? entry.name : entry.type === 'held' ? entry.hold.kind : '';
  return [entry.type, 'step' in entry ? entry.step : '', detail].filter((part) => part !== '').join('|');
}
