import type { RunEventSink } from '../engine/events.ts';
import type { JournalEntry } from '../engine/journal-entries.ts';
import { type LifeTools, lifeOf } from '../engine/owner-life.ts';
import { readRun, type StoredRun } from '../engine/run-files.ts';
import type { DurationMs } from '../model/duration.ts';
import type { RunId } from '../model/ids.ts';
import type { RunStore } from '../ports/run-store.ts';
import { JournalEvents } from './journal-events.ts';
import { type Standing, standingOf } from './list-runs.ts';
import { type NextCommand, nextCommands } from './next-commands.ts';

/** What following needs. */
export interface FollowTools extends LifeTools {
  readonly store: RunStore;
  /** How often the journal is read. */
  readonly everyMs: DurationMs;
  /** Ends the following, and nothing else. */
  readonly signal: AbortSignal;
}

/** How a run stood when it was followed no longer. */
export interface FollowedRun {
  readonly run: RunId;
  readonly standing: Standing;
  /** It goes on, and is only not looked at any more. */
  readonly detached: boolean;
  readonly reason?: string;
  readonly next: readonly NextCommand[];
}

/**
 * Shows a run that another process owns, here or elsewhere, by reading its journal again and again: first what has happened under its present owner, then
 * each line as it comes, until the run has ended, its process is gone, or `signal` aborts. Reads only; the run does not know of it.
 *
 * Throws `RUN_NOT_FOUND`, `RUN_CHANGED`, `JOURNAL_BROKEN`, `STORE_FAILED`.
 */
export async function followRun(run: RunId, tools: FollowTools, onEvent: RunEventSink): Promise<FollowedRun> {
  const follower = new Follower(run, onEvent);
  for (;;) {
    const stored = await readRun(tools.store, run);
    follower.tell(stored);
    const life = await lifeOf(stored.state, tools);
    if (life === 'silent') follower.tellSilence(stored);
    const isOver = life === 'ended' || life === 'gone';
    const isDetached = !isOver && !(await sleeps(tools));
    if (!isOver && !isDetached) continue;
    const { error } = stored.state.end ?? {};
    return {
      run,
      standing: standingOf(stored.state, life),
      detached: isDetached,
      ...(error === undefined ? {} : { reason: `${error.code}: ${error.message}` }),
      next: nextCommands({ stored, life }),
    };
  }
}

/** Waits until the next look. False when nobody wants another one. */
async function sleeps({ clock, everyMs, signal }: FollowTools): Promise<boolean> {
  return await clock.sleep(everyMs, signal).then(
    () => true,
    () => false,
  );
}

/** Tells the lines of a journal that have not been told. */
class Follower {
  readonly #run: RunId;
  readonly #onEvent: RunEventSink;
  readonly #events: JournalEvents;
  #told: readonly JournalEntry[] = [];
  #silentSince: string | undefined;

  constructor(run: RunId, onEvent: RunEventSink) {
    this.#run = run;
    this.#onEvent = onEvent;
    this.#events = new JournalEvents(run);
  }

  tell({ frozen, journal: { entries } }: StoredRun): void {
    const from = this.#told.length === 0 ? this.#skipEarlierOwners(entries) : this.#dropReplaced(entries);
    for (const entry of entries.slice(from)) for (const event of this.#events.eventsOf(entry, frozen.graph.nodes)) this.#onEvent(event);
    this.#told = entries;
  }

  /** Says once, for as long as no line comes, that none has come for long. */
  tellSilence({ frozen, state: { lastAt = frozen.startedAt } }: StoredRun): void {
    if (this.#silentSince === lastAt) return;
    this.#silentSince = lastAt;
    this.#message(lastAt, 'its process, which is elsewhere, has written nothing for 45 s: it, its store or the way there is down; still looking');
  }

  /** Index of the line of the owner that has the run now: what was before it has been undone, done or looked at again by then. */
  #skipEarlierOwners(entries: readonly JournalEntry[]): number {
    const from = Math.max(
      0,
      entries.findLastIndex((entry) => entry.type === 'owner' && entry.purpose === 'run'),
    );
    for (const entry of entries.slice(0, from)) this.#events.skip(entry);
    return from;
  }

  /** Index of the first line that has not been told; fewer than were told count when another owner has come, whose line follows. */
  #dropReplaced(entries: readonly JournalEntry[]): number {
    let same = Math.min(this.#told.length, entries.length);
    // Lines are chained: where one names the same line before it at the same time, all before it are the same.
    while (same > 0 && !isSame(this.#told[same - 1], entries[same - 1])) same -= 1;
    const dropped = this.#told.length - same;
    if (dropped > 0)
      this.#message(
        entries[same]?.at ?? '',
        `${dropped} ${dropped === 1 ? 'line does' : 'lines do'} not count: another process had taken the run over by then`,
      );
    return same;
  }

  #message(at: string, message: string): void {
    this.#onEvent({ type: 'journal', message, at, run: this.#run });
  }
}

function isSame(a: JournalEntry | undefined, b: JournalEntry | undefined): boolean {
  return a !== undefined && b !== undefined && a.seq === b.seq && a.prev === b.prev && a.at === b.at && a.type === b.type;
}
