import { randomBytes } from 'node:crypto';
import { DrError } from '../../errors/dr-error.ts';
import type { Clock } from '../../ports/clock.ts';
import type { LogSegment, RunBucketRef, RunLog, RunStore } from '../../ports/run-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { FirstWriteProof } from '../first-write.ts';
import { retryWhileAway } from './retry-while-away.ts';
import type { RunBucket } from './run-bucket.ts';
import { openS3Client } from './s3-client.ts';
import { CONDITIONAL_WRITES } from './s3-errors.ts';
import { S3Journal } from './s3-journal.ts';
import { unsettled } from './s3-run-log.ts';
import { SdkRunBucket } from './sdk-run-bucket.ts';

/** How long a store that does not answer is asked again by everything but `append`, which never gives up. */
const PATIENCE_MS = 20_000;
const KEY = /^[A-Za-z0-9_[\]-][A-Za-z0-9._[\]-]*(?:\/[A-Za-z0-9_[\]-][A-Za-z0-9._[\]-]*)*$/;
const RUNS = 'runs/';
/** Folders whose objects are not values. */
const NO_VALUES = /^runs\/[^/]+\/(?:journal|evidence)\/$/;

export interface S3RunStoreTools {
  readonly secrets: SecretFiles;
  readonly clock: Clock;
}

/**
 * Opens a part of a bucket as a run store; dispose it to close its connections. Needs strong reads after writes and honoured `If-None-Match: *`; the latter
 * is proved before the first write of a process. Nothing may delete or expire what is in it. Throws `SECRET_SOURCE_MISSING`.
 *
 * Layout: a value is the object of its key; the journal of a run is `runs/<run>/journal/<number>`, one object for each group commit of all owners together.
 */
export async function openS3RunStore({ prefix = '', ...ref }: RunBucketRef, { secrets, clock }: S3RunStoreTools): Promise<RunStore & AsyncDisposable> {
  // The SDK repeats nothing: a write whose answer was lost is settled by reading it back, and only we know how.
  const opened = await openS3Client(ref, { secrets, maxAttempts: 1 });
  const path = prefix.replace(/^\/+|\/+$/g, '');
  const bucket = new SdkRunBucket({ ...opened, bucket: ref.bucket, prefix: path === '' ? '' : `${path}/`, endpoint: ref.endpoint });
  return new S3RunStore(bucket, clock);
}

/** Run state in a bucket. */
export class S3RunStore implements RunStore, AsyncDisposable {
  readonly location: string;
  readonly #bucket: RunBucket;
  readonly #clock: Clock;
  readonly #journals = new Map<string, S3Journal>();
  /** Before the first write: commands that only read do not ask, so that they work with read-only credentials. */
  readonly #proof: FirstWriteProof;

  constructor(bucket: RunBucket, clock: Clock) {
    this.location = bucket.location;
    this.#bucket = bucket;
    this.#clock = clock;
    this.#proof = new FirstWriteProof({
      at: bucket.location,
      create: async (key, value) => await this.#create(key, value),
      // Credentials that may not delete are good credentials for run state.
      remove: async (key) => await bucket.remove(key).catch(() => undefined),
      refusal: { why: 'the server ignores If-None-Match', suggestion: CONDITIONAL_WRITES },
    });
  }

  async putIfAbsent(key: string, value: Uint8Array): Promise<boolean> {
    await this.#proof.proveOnce();
    return await this.#create(key, value);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#patient(async () => await this.#bucket.get(keyOf(key))))?.body;
  }

  async list(prefix: string): Promise<readonly string[]> {
    const { keys, folders } = await this.#patient(async () => await this.#bucket.list(prefix, { byFolder: true }));
    // Folder by folder, so that the journals, which hold nearly all objects, are not listed.
    const below = await Promise.all(folders.filter((folder) => !NO_VALUES.test(folder)).map(async (folder) => await this.list(folder)));
    return [...keys.filter((key) => KEY.test(key)), ...below.flat()].sort();
  }

  async openLog(run: string, owner: string, after: number): Promise<RunLog | undefined> {
    await this.#proof.proveOnce();
    return await this.#journal(run).open(owner, after);
  }

  async readLog(run: string): Promise<readonly LogSegment[]> {
    return await this.#journal(run).read();
  }

  async listRuns(): Promise<readonly string[]> {
    const { folders } = await this.#patient(async () => await this.#bucket.list(RUNS, { byFolder: true }));
    return folders.map((folder) => folder.slice(RUNS.length, -1)).sort();
  }

  async readLogEnd(run: string): Promise<string | undefined> {
    return await this.#journal(run).readEnd();
  }

  async putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const body = Buffer.concat(await Array.fromAsync(chunks));
    await this.#patient(async () => await this.#bucket.put(keyOf(`runs/${run}/evidence/${name}`), body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bucket[Symbol.asyncDispose]();
  }

  /** A refused write is read back: an earlier try may have landed though its answer was lost, and then the writer is ours. */
  async #create(key: string, value: Uint8Array): Promise<boolean> {
    const object = { body: value.slice(), writer: randomBytes(16).toString('hex') };
    return await this.#patient(async () => {
      if ((await this.#bucket.putNew(keyOf(key), object)) === 'stored') return true;
      const found = await this.#bucket.get(key);
      if (found === undefined) throw unsettled(this.#bucket, key);
      return found.writer === object.writer;
    });
  }

  #journal(run: string): S3Journal {
    const found = this.#journals.get(run) ?? new S3Journal({ bucket: this.#bucket, clock: this.#clock, run, limitMs: PATIENCE_MS });
    this.#journals.set(run, found);
    return found;
  }

  async #patient<T>(attempt: () => Promise<T>): Promise<T> {
    return await retryWhileAway(attempt, { clock: this.#clock, limitMs: PATIENCE_MS });
  }
}

function keyOf(key: string): string {
  if (KEY.test(key)) return key;
  throw new DrError({ code: 'BUG', message: `'${key}' is not a key of a run store` });
}
