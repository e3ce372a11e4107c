import type { Known } from '../model/known.ts';
import type { Secret, SecretRef } from '../model/secret.ts';

/** How to reach a bucket. Without `credentials` the SDK's own chain is used (`profile`, environment, instance identity). */
export interface ObjectStoreRef {
  /** S3, and what speaks its protocol, without one. */
  readonly provider?: 'gcs' | 'azure';
  /** In Azure the name of the container. */
  readonly bucket: string;
  /** Storage account of an Azure container. */
  readonly account?: string;
  readonly region?: string;
  /** For servers other than AWS; path style is then used and checksums only where the protocol requires them. */
  readonly endpoint?: string;
  /** PEM of the authority that signed the server's certificate, beside those that everybody trusts. */
  readonly ca?: SecretRef;
  readonly profile?: string;
  /**
   * What Velero's plugin for the provider is given too. S3: an AWS shared-credentials file, `[default] aws_access_key_id=… aws_secret_access_key=…`. GCS: the key
   * file of a service account. Azure: a line `AZURE_STORAGE_ACCOUNT_ACCESS_KEY=…`.
   */
  readonly credentials?: SecretRef;
}

export interface ObjectStores extends AsyncDisposable {
  open(ref: ObjectStoreRef): Promise<ObjectStore>;
  /**
   * What another credential may do to what is under a prefix. Nothing is written and nothing that exists is touched: it asks for acts on an object that does
   * not exist, which a server refuses by its rules or for that.
   */
  rights(ref: ObjectStoreRef, other: OtherCredential, signal: AbortSignal): Promise<StoreRights>;
  /**
   * Whether somebody else's credentials may write to the bucket: the server's words when it refuses, `undefined` when it does not. Nothing is stored. Throws
   * `S3_UNAVAILABLE`, and `SECRET_SOURCE_MISSING` for credentials of another form.
   */
  refusedToWrite(ref: Pick<ObjectStoreRef, 'provider' | 'bucket' | 'region' | 'endpoint' | 'ca'>, probe: WriteProbe): Promise<string | undefined>;
}

/** A credential that is not the one of a reference. */
export interface OtherCredential {
  /** As Velero's secrets hold it for the provider; of an AWS shared-credentials file, its section `default`. */
  readonly content: Secret;
  /** Folder in the bucket, with a slash at its end, that its rights are asked about. */
  readonly prefix: string;
}

/** What a credential may do. Not known where the answer allows both. */
export interface StoreRights {
  /** It is the very credential of the reference. */
  readonly isSame: Known<boolean>;
  /** Delete a version of an object for good. */
  readonly canDelete: Known<boolean>;
  /** Shorten or take away a lock that can be bypassed. */
  readonly canShortenLock: Known<boolean>;
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
  /** The whole object, or the version pinned by `at`, at most `maxBytes` (else `S3_FAILED`); `undefined` when absent. */
  read(key: string, options: { readonly maxBytes: number; readonly signal: AbortSignal; readonly at?: ObjectPin }): Promise<Uint8Array | undefined>;
  /** The object, or the version pinned by `at`, as a stream; throws `S3_FAILED` when absent. */
  stream(key: string, signal: AbortSignal, at?: ObjectPin): Promise<AsyncIterable<Uint8Array>>;
  /** So many bytes of the pinned object from an offset on; fewer at its end. Throws `S3_FAILED` when it is another one now, or is gone. */
  range(key: string, options: { readonly from: number; readonly length: number; readonly at: ObjectPin; readonly signal: AbortSignal }): Promise<Uint8Array>;
  /**
   * Stores an object under a key that is free: `false`, and nothing is changed, when it is taken. In parts when it is large, and there only when it is whole.
   * Needs credentials that may write.
   */
  putNew(key: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<boolean>;
  /** All versions of all keys under a prefix, deletions among them: keys in order, of each the newest first. Not known where these credentials may not list them. */
  versions(options: { readonly prefix: string; readonly signal: AbortSignal }): Promise<Known<readonly ObjectVersion[]>>;
  /** What keeps an object, or the version pinned by `at`, from being changed and deleted. Not known where these credentials may not ask. */
  lock(key: string, signal: AbortSignal, at?: ObjectPin): Promise<Known<ObjectLock>>;
}

/** Reads exactly what was seen before: another content under the same key throws `S3_FAILED`. */
export interface ObjectPin {
  readonly versionId?: string;
  readonly etag?: string;
}

/** One version of an object. */
export interface ObjectVersion extends ObjectHead {
  readonly isLatest: boolean;
  /** The object was deleted here; older versions may still be there. It has no size and no ETag. */
  readonly isDeletion: boolean;
}

/** Object Lock of S3, retention of GCS, immutability of Azure. Without a mode nothing holds it but perhaps a legal hold. */
export interface ObjectLock {
  /** `COMPLIANCE`: nobody can shorten it. `GOVERNANCE`: who has the permission to bypass can. */
  readonly mode?: 'COMPLIANCE' | 'GOVERNANCE';
  /** ISO 8601. */
  readonly until?: string;
  readonly legalHold: boolean;
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
  /** Where the bucket keeps versions. The bytes of a version never change; it can only be deleted. */
  readonly versionId?: string;
}
