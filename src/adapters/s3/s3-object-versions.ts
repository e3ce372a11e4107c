import type * as Sdk from '@aws-sdk/client-s3';
import type { Known } from '../../model/known.ts';
import type { ObjectLock, ObjectVersion } from '../../ports/object-store.ts';
import { plainEtag } from '../object-store-errors.ts';
import type { OpenS3Client } from './s3-client.ts';
import { isAbsent, s3Error } from './s3-errors.ts';

/** Answers of a bucket that keeps no locks: S3 says the first of an object, the second of a bucket; MinIO and versitygw use names of their own. */
const NO_LOCK = new Set(['NoSuchObjectLockConfiguration', 'ObjectLockConfigurationNotFoundError', 'InvalidRequest', 'InvalidBucketObjectLockConfiguration']);

/** Lists versions page by page; the SDK has no paginator for them. */
export async function listVersions(
  { client, sdk }: OpenS3Client,
  { bucket, prefix, signal }: { readonly bucket: string; readonly prefix: string; readonly signal: AbortSignal },
): Promise<Known<readonly ObjectVersion[]>> {
  const found: ObjectVersion[] = [];
  let page: Sdk.ListObjectVersionsCommandOutput | undefined;
  do {
    const after = page === undefined ? {} : { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    try {
      page = await client.send(new sdk.ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, ...after }), { abortSignal: signal });
    } catch (error) {
      return unknownOr(error, { what: `list the versions of s3://${bucket}/${prefix}`, signal });
    }
    found.push(...(page.Versions ?? []).map((version) => versionOf(version, false)), ...(page.DeleteMarkers ?? []).map((marker) => versionOf(marker, true)));
  } while (page.IsTruncated === true);
  return { known: true, value: found.toSorted(newestFirst) };
}

export interface LockRequest {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
  readonly signal: AbortSignal;
}

/**
 * Asks for retention and legal hold by requests of their own: in the answer to a HEAD they are left out without a word when the credentials may not see
 * them (Amazon S3 API, HeadObject, `x-amz-object-lock-mode`).
 */
export async function readLock({ client, sdk }: OpenS3Client, { bucket, key, versionId, signal }: LockRequest): Promise<Known<ObjectLock>> {
  const target = { Bucket: bucket, Key: key, ...(versionId === undefined ? {} : { VersionId: versionId }) };
  const what = `read the lock of s3://${bucket}/${key}`;
  try {
    const [retention, hold] = await Promise.all([
      client.send(new sdk.GetObjectRetentionCommand(target), { abortSignal: signal }).catch(noLock),
      client.send(new sdk.GetObjectLegalHoldCommand(target), { abortSignal: signal }).catch(noLock),
    ]);
    const { Mode: mode, RetainUntilDate: until } = retention?.Retention ?? {};
    return {
      known: true,
      value: {
        ...(mode === undefined ? {} : { mode }),
        ...(until === undefined ? {} : { until: until.toISOString() }),
        legalHold: hold?.LegalHold?.Status === 'ON',
      },
    };
  } catch (error) {
    return unknownOr(error, { what, signal });
  }
}

function noLock(error: unknown): undefined {
  if (NO_LOCK.has((error as Error).name)) return undefined;
  throw error;
}

/** A refusal and an operation that the server does not know leave the question open; everything else is a failure. */
function unknownOr(error: unknown, { what, signal }: { readonly what: string; readonly signal: AbortSignal }): Known<never> {
  const status = (error as Sdk.S3ServiceException).$metadata?.httpStatusCode;
  if (!signal.aborted && !isAbsent(error) && (status === 403 || status === 405 || status === 501))
    return { known: false, reason: `the object store does not let us ${what} (${status} ${(error as Error).name})` };
  throw s3Error(error, { what, signal });
}

function versionOf(version: Sdk.ObjectVersion | Sdk.DeleteMarkerEntry, isDeletion: boolean): ObjectVersion {
  const { Size = 0, ETag } = version as Sdk.ObjectVersion;
  // `null` is the version of a bucket that keeps none: it can be replaced.
  const versionId = version.VersionId === 'null' || version.VersionId === '' ? undefined : version.VersionId;
  return {
    key: version.Key ?? '',
    sizeBytes: Size,
    lastModified: version.LastModified?.toISOString() ?? '',
    etag: plainEtag(ETag),
    ...(versionId === undefined ? {} : { versionId }),
    isLatest: version.IsLatest === true,
    isDeletion,
  };
}

function newestFirst(a: ObjectVersion, b: ObjectVersion): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  if (a.isLatest !== b.isLatest) return a.isLatest ? -1 : 1;
  return a.lastModified < b.lastModified ? 1 : a.lastModified > b.lastModified ? -1 : 0;
}
