import { randomUUID } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import type { Known } from '../../model/known.ts';
import type { ObjectStoreRef, OtherCredential, StoreRights } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { type AzureFailure, azureError } from './azure-errors.ts';
import { accessKeyOf, azureContainer, ownAccessKey } from './open-azure-container.ts';

export interface RightsOptions {
  readonly secrets: SecretFiles;
  readonly signal: AbortSignal;
}

interface Asking {
  readonly container: ContainerClient;
  /** Of a blob that does not exist. */
  readonly key: string;
  readonly signal: AbortSignal;
}

/**
 * Asks what an access key may do to what is under a prefix, by acts on a blob that does not exist: who may not is refused with 403 before anybody looks for it.
 * Versions are deleted with the same permission as blobs ("Delete Blob", Azure Storage REST API). Throws `S3_UNAVAILABLE`, and `SECRET_SOURCE_MISSING` for
 * credentials of another form: an identity of Entra would have to be logged in first.
 */
export async function azureRightsOf(ref: ObjectStoreRef, { content, prefix }: OtherCredential, { secrets, signal }: RightsOptions): Promise<StoreRights> {
  const theirs = accessKeyOf(content.reveal(), "the cluster's backup credential");
  const isSame: Known<boolean> = { known: true, value: theirs === (await ownAccessKey(ref, secrets)) };
  const asking: Asking = { container: await azureContainer(ref, theirs), key: `${prefix}lattice-dr-${randomUUID()}`, signal };
  const refused = await listRefusal(asking, prefix);
  if (refused !== undefined) return { isSame, canDelete: refused, canShortenLock: refused };
  const blob = asking.container.getBlobClient(asking.key);
  return {
    isSame,
    canDelete: await isAllowed('delete', asking, async () => await blob.delete({ abortSignal: signal })),
    canShortenLock: await isAllowed('take a lock away', asking, async () => await blob.deleteImmutabilityPolicy({ abortSignal: signal })),
  };
}

/** A key that is none of the account's is refused whatever it asks for. */
async function listRefusal({ container, signal }: Asking, prefix: string): Promise<Known<never> | undefined> {
  try {
    await container.listBlobsFlat({ prefix, abortSignal: signal }).byPage({ maxPageSize: 1 }).next();
    return undefined;
  } catch (error) {
    return notAnswered(error, 'list', signal);
  }
}

async function isAllowed(what: string, { signal }: Asking, act: () => Promise<unknown>): Promise<Known<boolean>> {
  try {
    await act();
    return { known: true, value: true };
  } catch (error) {
    const { statusCode, code } = error as AzureFailure;
    if (statusCode === 403) return { known: true, value: false };
    if (statusCode === 404 && code === 'BlobNotFound') return { known: true, value: true };
    return notAnswered(error, what, signal);
  }
}

function notAnswered(error: unknown, what: string, signal: AbortSignal): Known<never> {
  const failure = azureError(error, `say whether a credential may ${what}`, signal);
  // A server that does not know the request has said so.
  if (failure.code !== 'S3_FAILED' && (error as AzureFailure).statusCode !== 501) throw failure;
  return { known: false, reason: failure.message };
}
