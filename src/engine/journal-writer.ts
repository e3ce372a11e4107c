import { DrError } from '../errors/dr-error.ts';
import { type DurationMs, formatDuration } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';
import type { RunLog } from '../ports/run-store.ts';
import { isoTime } from './iso-time.ts';
import { type ChainEnd, encodeLine } from './journal-chain.ts';
import type { EntryBody } from './journal-entries.ts';
import { GIVE_UP_AFTER_MS, SHORTEST_STALL_MS, STALLED_AFTER_MS } from './owner-times.ts';
import { applyEntry, type RunState } from './run-state.ts';

/** That the store was found to be away, or is back, `forMs` after the last line got through. */
export interface StallChange {
  readonly state: 'away' | 'back';
  readonly forMs: DurationMs;
}

export interface JournalOptions {
  readonly log: RunLog;
  readonly clock: Clock;
  /** Where the chain ended when this owner took over, and the state that it gave. */
  readonly end: ChainEnd;
  readonly state: RunState;
  /** Cancels the run: if the store is away then, it is not waited for without end. */
  readonly cancel?: AbortSignal | undefined;
  /** Must not throw. */
  readonly onStall?: ((change: StallChange) => void) | undefined;
}

/** A time during which lines can be made durable, until the store goes away. */
export interface StoreContact {
  /** Aborts, with the error as reason, when no line has got through for too long. */
  readonly lost: AbortSignal;
  /** Resolves when the store is back, everything that waited is durable and the journal says how long it was away. Never when that does not happen. */
  readonly regained: Promise<void>;
}

class Contact implements StoreContact {
  readonly #lost = new AbortController();
  readonly #regained = Promise.withResolvers<void>();
  lostAtMs = 0;

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get regained(): Promise<void> {
    return this.#regained.promise;
  }

  lose(atMs: number, reason: DrError): void {
    this.lostAtMs = atMs;
    this.#lost.abort(reason);
  }

  regain(): void {
    this.#regained.resolve();
  }
}

/** A line that is not durable yet. */
interface Waiting {
  readonly sinceMs: number;
  readonly done: PromiseWithResolvers<void>;
  /** Whoever appended it does not wait longer than this contact lasts; the line itself does. */
  readonly yieldsTo: StoreContact | undefined;
}

/**
 * Numbers and chains the lines of one owner, makes them durable in order, and keeps the state that they fold to; the state never runs ahead of what is on
 * disk. An append is pending for as long as the store is away. After 25 s without a durable line the contact counts as lost: whoever is at work is told to
 * stop, and lines wait until the store is back.
 */
export class JournalWriter {
  readonly #options: JournalOptions;
  readonly #failed = new AbortController();
  readonly #closed = new AbortController();
  readonly #waiting = new Set<Waiting>();
  #contact = new Contact();
  #durableAtMs: number;
  #cancelledAtMs: number | undefined;
  #isWatching = false;
  #end: ChainEnd;
  #state: RunState;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#end = options.end;
    this.#state = options.state;
    this.#durableAtMs = options.clock.monotonic();
    this.#listen(options.cancel);
  }

  get state(): RunState {
    return this.#state;
  }

  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get contact(): StoreContact {
    return this.#contact;
  }

  async append(body: EntryBody, yieldsTo?: StoreContact): Promise<void> {
    this.#failed.signal.throwIfAborted();
    const { clock } = this.#options;
    const { line, end, entry } = encodeLine(body, this.#end, isoTime(clock.now()));
    this.#end = end;
    const waiting: Waiting = { sinceMs: clock.monotonic(), done: Promise.withResolvers(), yieldsTo };
    this.#waiting.add(waiting);
    if (yieldsTo?.lost.aborted === true) waiting.done.reject(yieldsTo.lost.reason);
    this.#options.log.append([line]).then(
      () => this.#landed(waiting, () => applyEntry(this.#state, entry)),
      (error: unknown) => this.#fail(error),
    );
    this.#watch();
    await waiting.done.promise;
  }

  async close(): Promise<void> {
    this.#closed.abort('closed');
    await this.#options.log[Symbol.asyncDispose]();
  }

  #landed(waiting: Waiting, apply: () => RunState): void {
    if (this.#failed.signal.aborted) return;
    this.#waiting.delete(waiting);
    this.#state = apply();
    this.#durableAtMs = this.#options.clock.monotonic();
    waiting.done.resolve();
    if (this.#contact.lost.aborted && this.#waiting.size === 0) void this.#regain(this.#contact);
  }

  #fail(error: unknown): void {
    if (this.#failed.signal.aborted) return;
    this.#failed.abort(error);
    for (const { done } of this.#waiting) done.reject(error);
    this.#waiting.clear();
  }

  #listen(cancel: AbortSignal | undefined): void {
    const cancelled = (): void => {
      this.#cancelledAtMs = this.#options.clock.monotonic();
      this.#watch();
    };
    if (cancel?.aborted === true) cancelled();
    else cancel?.addEventListener('abort', cancelled, { once: true, signal: this.#closed.signal });
  }

  /** One timer at a time, and none per line: it is set again only once it has rung. */
  #watch(): void {
    if (this.#isWatching || this.#waiting.size === 0) return;
    this.#isWatching = true;
    void this.#watchWaiting();
  }

  async #watchWaiting(): Promise<void> {
    const { clock } = this.#options;
    const until = this.#closed.signal;
    for (let due = this.#nextDueMs(); due !== undefined && !until.aborted; due = this.#nextDueMs()) {
      await clock.sleep(Math.max(0, due - clock.monotonic()), until).catch(() => undefined);
      if (!until.aborted) this.#look(clock.monotonic());
    }
    this.#isWatching = false;
  }

  /** When there is something to be decided about the oldest line that waits. */
  #nextDueMs(): number | undefined {
    const [oldest] = this.#waiting;
    if (oldest === undefined) return undefined;
    if (!this.#contact.lost.aborted) return Math.max(this.#durableAtMs + STALLED_AFTER_MS, oldest.sinceMs + SHORTEST_STALL_MS);
    // While the store is away only a cancel ends the wait; until there is one, it is looked for as often as it may have to be obeyed.
    return (this.#cancelledAtMs ?? this.#options.clock.monotonic()) + GIVE_UP_AFTER_MS;
  }

  #look(nowMs: number): void {
    const due = this.#nextDueMs();
    if (due === undefined || due > nowMs) return;
    const awayMs = nowMs - this.#durableAtMs;
    if (!this.#contact.lost.aborted) this.#lose(awayMs);
    else if (this.#cancelledAtMs !== undefined) this.#fail(givenUp(awayMs));
  }

  #lose(awayMs: DurationMs): void {
    const reason = storeAway(awayMs);
    this.#contact.lose(this.#durableAtMs, reason);
    this.#options.onStall?.({ state: 'away', forMs: Math.round(awayMs) });
    for (const { done, yieldsTo } of this.#waiting) if (yieldsTo !== undefined) done.reject(reason);
  }

  async #regain(lost: Contact): Promise<void> {
    this.#contact = new Contact();
    const forMs = Math.round(this.#options.clock.monotonic() - lost.lostAtMs);
    this.#options.onStall?.({ state: 'back', forMs });
    try {
      await this.append({ type: 'stalled', forMs });
      lost.regain();
    } catch {
      // The journal has failed, which `failed` tells everybody.
    }
  }
}

function storeAway(awayMs: DurationMs): DrError {
  return new DrError({
    code: 'STORE_UNAVAILABLE',
    message: `no line has got into the journal for ${formatDuration(awayMs)}`,
    suggestions: ['nothing new is started until the state store answers again'],
  });
}

function givenUp(awayMs: DurationMs): DrError {
  return new DrError({
    code: 'CANCELLED',
    message: `the run was cancelled while its state store was away; its last line is ${formatDuration(awayMs)} old, and it has no final line`,
    suggestions: ['look whether the state store answers before the run is resumed'],
  });
}
