import { randomUUID } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Known } from '../../model/known.ts';
import type { ObjectStoreRef, OtherCredential, StoreRights } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { type OpenS3Client, openS3Client } from './s3-client.ts';
import { s3Error } from './s3-errors.ts';
import { parseSharedCredentials } from './shared-credentials.ts';

export interface RightsOptions {
  readonly secrets: SecretFiles;
  readonly signal: AbortSignal;
}

/** Tries of one request: what is asked here holds nobody up. */
const ATTEMPTS = 3;
/** The version that objects have where a bucket keeps none; naming it makes a deletion final and leaves no marker behind (Amazon S3 API, DeleteObject). */
const NO_VERSION = 'null';

/** A retention must end in the future. */
const RETENTION_MS = 60_000;

interface Asking extends OpenS3Client {
  readonly bucket: string;
  /** Of an object that does not exist. */
  readonly key: string;
  readonly signal: AbortSignal;
}

/** Asks what a credential may do to what is under a prefix, by acts on an object that does not exist. Throws `S3_UNAVAILABLE`, `SECRET_SOURCE_MISSING`. */
export async function rightsOf(ref: ObjectStoreRef, { content, prefix }: OtherCredential, { secrets, signal }: RightsOptions): Promise<StoreRights> {
  const theirs = parseSharedCredentials(content, 'default', "the cluster's backup credential");
  const ours = await openS3Client(ref, { secrets, maxAttempts: ATTEMPTS });
  const { client, sdk } = await openS3Client(ref, { secrets, maxAttempts: ATTEMPTS, given: content });
  const asking: Asking = { client, sdk, bucket: ref.bucket, key: `${prefix}lattice-dr-${randomUUID()}`, signal };
  try {
    const isSame = await accessKeyOf(ours.client).then((key): Known<boolean> => ({ known: true, value: key === theirs.accessKeyId }));
    const refused = await listRefusal(asking, prefix);
    if (refused !== undefined) return { isSame, canDelete: refused, canShortenLock: refused };
    return { isSame, canDelete: await canDelete(asking), canShortenLock: await canShortenLock(asking) };
  } finally {
    client.destroy();
    ours.client.destroy();
  }
}

async function accessKeyOf(client: S3Client): Promise<string> {
  return (await client.config.credentials()).accessKeyId;
}

/** Who may not list is refused an object that does not exist as if it were a secret, whatever else they may (Amazon S3 API, "If the object does not exist"). */
async function listRefusal({ client, sdk, bucket, signal }: Asking, prefix: string): Promise<Known<never> | undefined> {
  try {
    await client.send(new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), { abortSignal: signal });
    return undefined;
  } catch (error) {
    return notAnswered(error, 'list', signal);
  }
}

async function canDelete({ client, sdk, bucket, key, signal }: Asking): Promise<Known<boolean>> {
  return await isAllowed(
    'delete',
    signal,
    async () => await client.send(new sdk.DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: NO_VERSION }), { abortSignal: signal }),
  );
}

async function canShortenLock({ client, sdk, bucket, key, signal }: Asking): Promise<Known<boolean>> {
  // Any end will do: there is no object that it could come to hold for.
  const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + RETENTION_MS) } as const;
  const input = { Bucket: bucket, Key: key, BypassGovernanceRetention: true, Retention };
  return await isAllowed('change a lock', signal, async () => await client.send(new sdk.PutObjectRetentionCommand(input), { abortSignal: signal }));
}

/** A rule refuses with 403, before anybody looks for the object; that it does not exist, or carries no lock, is said only to who may act. */
async function isAllowed(what: string, signal: AbortSignal, act: () => Promise<unknown>): Promise<Known<boolean>> {
  try {
    await act();
    return { known: true, value: true };
  } catch (error) {
    const { name, $metadata } = error as { readonly name?: string; readonly $metadata?: { readonly httpStatusCode?: number } };
    if ($metadata?.httpStatusCode === 403) return { known: true, value: false };
    if ($metadata?.httpStatusCode === 404 && name !== 'NoSuchBucket') return { known: true, value: true };
    return notAnswered(error, what, signal);
  }
}

function notAnswered(error: unknown, what: string, signal: AbortSignal): Known<never> {
  const failure = s3Error(error, { what: `say whether a credential may ${what}`, signal });
  if (failure.code !== 'S3_FAILED') throw failure;
  return { known: false, reason: failure.message };
}
