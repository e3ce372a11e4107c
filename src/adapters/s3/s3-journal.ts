import { randomBytes } from 'node:crypto';
import { DrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { LogSegment, RunLog } from '../../ports/run-store.ts';
import { brokenJournal, type JournalObject, journalKey, journalPrefix, readJournalObject, segmentsOf, writeJournalObject } from './journal-object.ts';
import { retryWhileAway } from './retry-while-away.ts';
import type { RunBucket } from './run-bucket.ts';
import { placeJournalObject, S3RunLog } from './s3-run-log.ts';

export interface S3JournalOptions {
  readonly bucket: RunBucket;
  readonly clock: Clock;
  readonly run: string;
  /** How long a store that does not answer is asked again. */
  readonly limitMs: number;
}

/** The journal of one run in S3: one gapless sequence of numbered objects. What was read is kept, since an object never changes. */
export class S3Journal {
  readonly #options: S3JournalOptions;
  #objects: readonly JournalObject[] = [];

  constructor(options: S3JournalOptions) {
    this.#options = options;
  }

  /** All segments, in order of ownership, with everything that was durable when this was called. */
  async read(): Promise<readonly LogSegment[]> {
    return segmentsOf(this.#options.run, await this.#readNew());
  }

  /** The last whole line, when the last object has one; reads no object before that. */
  async readEnd(): Promise<string | undefined> {
    const known = this.#objects.length;
    let number = await this.#lastListed();
    let last = number === known ? this.#objects.at(-1) : await this.#read(number);
    if (last === undefined && number > 0) throw brokenJournal(`'${journalKey(this.#options.run, number)}' is missing`);
    // The list may be late, as for `readNew`.
    for (let next = await this.#read(number + 1); next !== undefined; next = await this.#read(number + 1)) {
      last = next;
      number += 1;
    }
    if (last?.kind !== 'lines' || !last.text.endsWith('\n')) return undefined;
    return last.text.slice(last.text.lastIndexOf('\n', last.text.length - 2) + 1, -1);
  }

  /**
   * Writes the opener of a new owner's segment under the next free number. `undefined` when there are not `after` segments any more. The old owner, if it
   * lives, may take the number first; its lines are then read and the next number is tried. Against one that writes without any pause that may take seconds:
   * its next write is always on the way already. Owners do pause: they write at a step's beginning and end, and every 15 s.
   */
  async open(owner: string, after: number): Promise<RunLog | undefined> {
    const { bucket, clock, run, limitMs } = this.#options;
    const writer = randomBytes(16).toString('hex');
    const body = writeJournalObject({ kind: 'owner', writer, text: owner });
    const until = clock.monotonic() + limitMs;
    while (clock.monotonic() < until) {
      const objects = await this.#readNew();
      if (objects.filter(({ kind }) => kind === 'owner').length !== after) return undefined;
      const number = objects.length + 1;
      const ours = await this.#patient(async () => await placeJournalObject(bucket, journalKey(run, number), body));
      if (ours) return new S3RunLog({ bucket, clock, run, writer, next: number + 1 });
    }
    throw new DrError({
      code: 'STORE_UNAVAILABLE',
      message: `the owner of run '${run}' writes so fast that its journal could not be taken over within ${limitMs / 1000} s`,
      suggestions: ['try again'],
    });
  }

  /**
   * Reads what has come since the last time. The list of keys only says how much to fetch at once: servers may give it late, while reads of single keys are
   * consistent. So a number that the list left out is asked for, and the journal ends at the first number that is not there.
   */
  async #readNew(): Promise<readonly JournalObject[]> {
    const { run } = this.#options;
    const known = this.#objects;
    const last = await this.#lastListed();
    const listed = Array.from({ length: last - known.length }, (_, index) => known.length + 1 + index);
    const read = await Promise.all(listed.map(async (number) => await this.#read(number)));
    const gap = read.indexOf(undefined);
    if (gap >= 0) throw brokenJournal(`'${journalKey(run, listed[gap] ?? 0)}' is missing`);
    const objects = [...known, ...read.filter((object) => object !== undefined)];
    for (let next = await this.#read(last + 1); next !== undefined; next = await this.#read(objects.length + 1)) objects.push(next);
    if (objects.length > this.#objects.length) this.#objects = objects;
    return objects;
  }

  /** The highest number that a list knows; 0 for an empty journal. */
  async #lastListed(): Promise<number> {
    const { bucket, run } = this.#options;
    const known = this.#objects.length;
    const after = known === 0 ? {} : { after: journalKey(run, known) };
    const { keys } = await this.#patient(async () => await bucket.list(journalPrefix(run), after));
    return keys.reduce((highest, key) => Math.max(highest, numberOf(run, key)), known);
  }

  async #read(number: number): Promise<JournalObject | undefined> {
    const key = journalKey(this.#options.run, number);
    const found = await this.#patient(async () => await this.#options.bucket.get(key));
    return found === undefined ? undefined : readJournalObject(key, found.body);
  }

  async #patient<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock, limitMs } = this.#options;
    return await retryWhileAway(attempt, { clock, limitMs });
  }
}

function numberOf(run: string, key: string): number {
  const number = Number(key.slice(journalPrefix(run).length));
  if (Number.isSafeInteger(number) && journalKey(run, number) === key) return number;
  throw brokenJournal(`'${key}' is no object of it`);
}
