import type { Clock } from '../ports/clock.ts';
import type { EntryBody } from './journal-entries.ts';
import { type JournalOptions, JournalWriter, type StoreContact } from './journal-writer.ts';
import { ALIVE_EVERY_MS } from './owner-times.ts';
import type { RunState } from './run-state.ts';

/** The writing side of a run's journal. */
export class Journal {
  readonly #writer: JournalWriter;
  readonly #clock: Clock;
  readonly #yieldsTo: StoreContact | undefined;

  private constructor(writer: JournalWriter, clock: Clock, yieldsTo?: StoreContact) {
    this.#writer = writer;
    this.#clock = clock;
    this.#yieldsTo = yieldsTo;
  }

  /** Goes on with a journal after the lines it has. */
  static open(options: JournalOptions): Journal {
    return new Journal(new JournalWriter(options), options.clock);
  }

  /** State after all durable lines. */
  get state(): RunState {
    return this.#writer.state;
  }

  /** Aborts, with the error as reason, when a line could not be made durable. Nothing may be started after that. */
  get failed(): AbortSignal {
    return this.#writer.failed;
  }

  /** Tells those at work when the store goes away, and when it is back. After that there is another one. */
  get contact(): StoreContact {
    return this.#writer.contact;
  }

  /** This journal for work that ends with a contact: there an `append` rejects when the contact is lost, though its line may still land. */
  during(contact: StoreContact): Journal {
    return new Journal(this.#writer, this.#clock, contact);
  }

  /**
   * Appends a line and resolves once it is durable, which takes as long as the store is away. After one failure every call rejects with the same error
   * (`STORE_FAILED`, `RUN_REPLACED`, `CANCELLED` when the run was cancelled while the store was away): what the disk holds is then not known, so nothing is
   * tried again.
   */
  async append(body: EntryBody): Promise<void> {
    await this.#writer.append(body, this.#yieldsTo);
  }

  /**
   * Appends a line that nobody waits for: what was only seen. Whatever is durable after it, it is too, and that it could not be written is told by `failed` and
   * by every later append.
   */
  note(body: EntryBody): void {
    void this.append(body).catch(() => undefined);
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
    await this.#writer.close();
  }
}
