import type { Clock } from '../ports/clock.ts';
import type { RunLog } from '../ports/run-store.ts';
import { type ChainEnd, encodeLine } from './journal-chain.ts';
import type { EntryBody } from './journal-entries.ts';
import { applyEntry, type RunState } from './run-state.ts';

/** An owner says that it is alive this often, during steps too. */
const ALIVE_EVERY_MS = 15_000;

export interface JournalOptions {
  readonly log: RunLog;
  readonly clock: Clock;
  /** Where the chain ended when this owner took over, and the state that it gave. */
  readonly end: ChainEnd;
  readonly state: RunState;
}

/**
 * The writing side of a run's journal: numbers and chains lines, appends them durably and keeps the state that they fold to. The state never runs ahead
 * of what is on disk.
 */
export class Journal {
  readonly #log: RunLog;
  readonly #clock: Clock;
  readonly #failed = new AbortController();
  #end: ChainEnd;
  #state: RunState;

  constructor(options: JournalOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#end = options.end;
    this.#state = options.state;
  }

  /** State after all durable lines. */
  get state(): RunState {
    return this.#state;
  }

  /** Aborts, with the error as reason, when a line could not be made durable. Nothing may be started after that. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /**
   * Appends a line and resolves once it is durable. After one failure every call rejects with the same error (`STORE_FAILED`, `RUN_REPLACED`): what the
   * disk holds is then not known, so nothing is tried again.
   */
  async append(body: EntryBody): Promise<void> {
    this.#failed.signal.throwIfAborted();
    const { line, end, entry } = encodeLine(body, this.#end, new Date(this.#clock.now()).toISOString());
    this.#end = end;
    try {
      await this.#log.append([line]);
    } catch (error) {
      this.#failed.abort(error);
      throw error;
    }
    this.#state = applyEntry(this.#state, entry);
  }

  /** Appends `alive` every 15 s until the signal aborts. Resolves then; also when an append fails, which `failed` tells. */
  async stayAlive(signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, this.failed]);
    while (!until.aborted) {
      const woken = await this.#clock.sleep(ALIVE_EVERY_MS, until).then(
        () => true,
        () => false,
      );
      if (woken && !until.aborted) await this.append({ type: 'alive' }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
  }
}
