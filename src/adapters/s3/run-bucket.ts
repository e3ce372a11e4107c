/**
 * The part of a bucket that holds run state, one request for each call; nothing is repeated here. Keys are relative to the prefix of the state. Failures
 * throw `STORE_UNAVAILABLE` when another try may succeed (no answer, 5xx, throttling) and `STORE_FAILED` when not.
 */
export interface RunBucket extends AsyncDisposable {
  /** `s3://bucket/prefix`. */
  readonly location: string;
  /**
   * Stores an object under a key that must be free (`If-None-Match: *`). `refused` when the key is taken, or a write of it is under way: read it back to
   * know by whom, since an earlier try whose answer was lost may have landed.
   */
  putNew(key: string, object: BucketObject): Promise<'stored' | 'refused'>;
  /** Stores an object, replacing what is there. */
  put(key: string, body: Uint8Array): Promise<void>;
  /** The object, or `undefined`. Sees every write that was answered before (S3 reads are consistent after writes). */
  get(key: string): Promise<BucketObject | undefined>;
  /** All keys under a prefix in order; with `byFolder`, keys below the next `/` are summed up as a folder that ends in it. */
  list(prefix: string, options?: { readonly byFolder?: boolean; readonly after?: string }): Promise<BucketListing>;
  /** Deletes an object. */
  remove(key: string): Promise<void>;
}

export interface BucketObject {
  readonly body: Uint8Array;
  /** Who wrote it: a random word for each write, kept beside the object. Tells our own write from an equal one of somebody else. */
  readonly writer?: string;
}

export interface BucketListing {
  readonly keys: readonly string[];
  readonly folders: readonly string[];
}
