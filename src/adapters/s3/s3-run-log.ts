import { asDrError, DrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RunLog } from '../../ports/run-store.ts';
import { GroupCommit, replaced } from '../group-commit.ts';
import { journalKey, writeJournalObject } from './journal-object.ts';
import { retryWhileAway } from './retry-while-away.ts';
import type { RunBucket } from './run-bucket.ts';

export interface S3RunLogOptions {
  readonly bucket: RunBucket;
  readonly clock: Clock;
  readonly run: string;
  readonly writer: string;
  /** Number of the first object to write. */
  readonly next: number;
}

/**
 * One owner's part of a journal in S3: a group commit is one object.
 *
 * The numbers are the fence: a later owner's opener takes the number that this owner would write next, and `If-None-Match: *` refuses it. While the store
 * is away a write is repeated for as long as it takes, so an append may be pending for long; it is never given up, since its line may have landed.
 */
export class S3RunLog implements RunLog {
  readonly #options: S3RunLogOptions;
  readonly #closing = new AbortController();
  readonly #commits = new GroupCommit(async (lines) => await this.#commit(lines), asDrError);
  #number: number;

  constructor(options: S3RunLogOptions) {
    this.#options = options;
    this.#number = options.next;
  }

  async append(lines: readonly string[]): Promise<void> {
    await this.#commits.append(lines);
  }

  /** Waits for what is under way, at most one more try of it (10 s); what then has no answer is rejected with `STORE_UNAVAILABLE`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#commits.settled();
    this.#commits.close(new DrError({ code: 'STORE_FAILED', message: `the journal of run '${this.#options.run}' is closed` }));
  }

  async #commit(lines: readonly string[]): Promise<void> {
    const { bucket, clock, run, writer } = this.#options;
    const body = writeJournalObject({ kind: 'lines', writer, text: lines.map((line) => `${line}\n`).join('') });
    const key = journalKey(run, this.#number);
    const ours = await retryWhileAway(async () => await placeJournalObject(bucket, key, body), { clock, signal: this.#closing.signal });
    if (!ours) throw replaced(run);
    this.#number += 1;
  }
}

/**
 * Writes an object of a journal under a key that must be free and says whether ours is there. A refused write is read back: an earlier try may have landed
 * though its answer was lost, and then the same bytes are there, which no other writer has.
 */
export async function placeJournalObject(bucket: RunBucket, key: string, body: Uint8Array): Promise<boolean> {
  if ((await bucket.putNew(key, { body })) === 'stored') return true;
  const found = await bucket.get(key);
  if (found === undefined) throw unsettled(bucket, key);
  return Buffer.compare(found.body, body) === 0;
}

/** A write was refused for an object that is not there: another write of it was under way and has not landed yet. Tried again. */
export function unsettled({ location }: RunBucket, key: string): DrError {
  return new DrError({
    code: 'STORE_UNAVAILABLE',
    message: `the state store ${location} refuses to write ${key} as if it existed, and does not have it`,
    retry: 'retryable',
    suggestions: ['look whether another process writes the state of this cluster'],
  });
}
