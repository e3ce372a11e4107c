import type { ObjectStoreRef } from './object-store.ts';

/** Where run state is: an absolute folder, or a part of a bucket. */
export type RunStorePlace = { readonly folder: string } | { readonly s3: RunBucketRef };

/** A part of a bucket for run state. */
export interface RunBucketRef extends ObjectStoreRef {
  /** Where in the bucket; slashes at its ends do not matter. The whole bucket without it. */
  readonly prefix?: string;
}

/**
 * Where runs live: the only authority on a run. Keys are `/`-separated, of `[A-Za-z0-9._[\]-]` segments. Failures throw `STORE_FAILED`; a store elsewhere
 * that still does not answer after about 20 s, `STORE_UNAVAILABLE`. Implemented by a folder and by S3; both pass `test/contract/run-store`.
 */
export interface RunStore {
  /** Where it is, for people: a path or `s3://bucket/prefix`. */
  readonly location: string;
  /** Writes the whole value durably only if the key is absent. `false` when it exists. Exactly one of any number of racing writers gets `true`. */
  putIfAbsent(key: string, value: Uint8Array): Promise<boolean>;
  /** The value, or `undefined`. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Keys under the prefix, sorted. */
  list(prefix: string): Promise<readonly string[]>;
  /**
   * Opens the next segment of a run's log for one owner and so fences every earlier owner. `after` is the number of segments the caller has read:
   * `undefined` when another owner has opened a segment since, so of any number of racing owners exactly one goes on.
   */
  openLog(run: string, owner: string, after: number): Promise<RunLog | undefined>;
  /** Reads all segments of a run's log in order of ownership; a torn last line is given as it is. */
  readLog(run: string): Promise<readonly LogSegment[]>;
  /** Runs of which anything is stored, sorted: a name after `runs/` that has something below it. */
  listRuns(): Promise<readonly string[]>;
  /**
   * The last line of a run's log, without the lines before it: `undefined` when the last owner has written no whole line, or its text ends in an unfinished one;
   * also when the line is too long to be found cheaply. Whoever gets none reads the log.
   */
  readLogEnd(run: string): Promise<string | undefined>;
  /** Writes bulk evidence beside the run (replaced as a whole); not part of the authority. */
  putEvidence(run: string, name: string, chunks: AsyncIterable<Uint8Array>): Promise<void>;
}

/** The append side of one owner's part of a journal. */
export interface RunLog extends AsyncDisposable {
  /**
   * Appends whole lines (no newline inside) and returns once they are durable (fsync; an answered write). Calls are serialised and group-committed. A
   * failure is final: `STORE_FAILED`, or `RUN_REPLACED` once a later owner has opened a segment (the lines may then stand in the log of a folder, but no
   * reader counts them). While a store elsewhere does not answer, an append stays pending and is never given up: whoever waits decides what to do
   * meanwhile. Disposing the log ends the waiting: what is pending then gets one more try at most (10 s) and rejects with `STORE_UNAVAILABLE`.
   */
  append(lines: readonly string[]): Promise<void>;
}

export interface LogSegment {
  readonly owner: string;
  readonly text: string;
}
