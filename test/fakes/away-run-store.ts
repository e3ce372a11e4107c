import { DrError } from '../../src/errors/dr-error.ts';
import type { LogSegment, RunLog, RunStore } from '../../src/ports/run-store.ts';

/**
 * A run store that can be away: appends stay pending until it is back, in order; everything else fails, as a store elsewhere does once it has been asked for
 * long enough.
 */
export class AwayRunStore implements RunStore {
  readonly #store: RunStore;
  #back: PromiseWithResolvers<void> | undefined;
  #leavesAt: ((line: string) => boolean) | undefined;

  constructor(store: RunStore) {
    this.#store = store;
  }

  get location(): string {
    return this.#store.location;
  }

  goAway(): void {
    this.#back ??= Promise.withResolvers();
  }

  /** Goes away, once, when a line that fits is to be appended: that line is the first to wait. */
  goAwayAt(fits: (line: string) => boolean): void {
    this.#leavesAt = fits;
  }

  comeBack(): void {
    this.#back?.resolve();
    this.#back = undefined;
  }

  async putIfAbsent(key: string, value: Uint8Array): Promise<boolean> {
    return await this.#here().putIfAbsent(key, value);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return await this.#here().get(key);
  }

  async list(prefix: string): Promise<readonly string[]> {
    return await this.#here().list(prefix);
  }

  async openLog(run: string, owner: string, after: number): Promise<RunLog | undefined> {
    const log = await this.#here().openLog(run, owner, after);
    return log === undefined
      ? undefined
      : { append: async (lines) => await this.#append(log, lines), [Symbol.asyncDispose]: async () => await log[Symbol.asyncDispose]() };
  }

  async readLog(run: string): Promise<readonly LogSegment[]> {
    return await this.#here().readLog(run);
  }

  async listRuns(): Promise<readonly string[]> {
    return await this.#here().listRuns();
  }

  async readLogEnd(run: string): Promise<string | undefined> {
    return await this.#here().readLogEnd(run);
  }

  async putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#here().putEvidence(run, name, chunks);
  }

  async #append(log: RunLog, lines: readonly string[]): Promise<void> {
    if (lines.some((line) => this.#leavesAt?.(line) === true)) {
      this.#leavesAt = undefined;
      this.goAway();
    }
    while (this.#back !== undefined) await this.#back.promise;
    await log.append(lines);
  }

  #here(): RunStore {
    if (this.#back === undefined) return this.#store;
    throw new DrError({ code: 'STORE_UNAVAILABLE', message: 'the store does not answer' });
  }
}
