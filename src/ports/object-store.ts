import type { Secret, SecretRef } from '../model/secret.ts';

/** How to reach a bucket. Without `credentials` the SDK's own chain is used (`profile`, environment, instance identity). */
export interface ObjectStoreRef {
  readonly bucket: string;
  readonly region?: string;
  /** For servers other than AWS; path style is then used and checksums only where the protocol requires them. */
  readonly endpoint?: string;
  readonly profile?: string;
  /** An AWS shared-credentials file: `[default] aws_access_key_id=… aws_secret_access_key=…`. */
  readonly credentials?: SecretRef;
}

export interface ObjectStores extends AsyncDisposable {
  open(ref: ObjectStoreRef): Promise<ObjectStore>;
  /**
   * Whether somebody else's credentials may write to the bucket: the server's words when it refuses, `undefined` when it does not. Nothing is stored. Throws
   * `S3_UNAVAILABLE`, and `SECRET_SOURCE_MISSING` for credentials of another form.
   */
  refusedToWrite(ref: Pick<ObjectStoreRef, 'bucket' | 'region' | 'endpoint'>, probe: WriteProbe): Promise<string | undefined>;
}

export interface WriteProbe {
  /** An AWS shared-credentials file, its section `default`. */
  readonly credentials: Secret;
  /** Key that a write is begun at and given up. */
  readonly key: string;
  readonly signal: AbortSignal;
}

/** One bucket. Errors: `S3_UNAVAILABLE` after retries, `S3_FAILED` with the server's code otherwise. */
export interface ObjectStore {
  readonly bucket: string;
  list(options: { readonly prefix: string; readonly delimiter?: string; readonly signal: AbortSignal }): Promise<ObjectListing>;
  /** Size and identity, or `undefined` when absent (also when the bucket is: an answer to HEAD has no body to tell them apart; `list` does). */
  head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined>;
  /** The whole object, at most `maxBytes` (else `S3_FAILED`); `undefined` when absent. */
  read(key: string, options: { readonly maxBytes: number; readonly signal: AbortSignal }): Promise<Uint8Array | undefined>;
  /** The object as a stream; throws `S3_FAILED` when absent. */
  stream(key: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface ObjectListing {
  readonly objects: readonly ObjectHead[];
  /** Common prefixes when a delimiter was given. */
  readonly prefixes: readonly string[];
}

export interface ObjectHead {
  readonly key: string;
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly lastModified: string;
  readonly etag: string;
  readonly versionId?: string;
}
