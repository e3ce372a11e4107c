import type { ContainerClient } from '@azure/storage-blob';
import { DrError } from '../../errors/dr-error.ts';
import { guardSecret } from '../../model/secret.ts';
import type { ObjectStore, ObjectStoreRef } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { AzureObjectStore } from './azure-object-store.ts';

/** Tries of one request by the SDK, and how long one waits between them at most, in milliseconds. */
const RETRIES = { maxTries: 6, retryDelayInMs: 200, maxRetryDelayInMs: 4_000 } as const;
const KEY = 'AZURE_STORAGE_ACCOUNT_ACCESS_KEY';

/**
 * A container of Azure Blob Storage; asks nobody yet. Throws `SECRET_SOURCE_MISSING` for credentials of another form, `INPUT_INVALID` without the name of the account.
 * Without credentials the SDK's own chain is used: environment, workload and managed identity, the login of Azure's tools.
 */
export async function openAzureContainer(ref: ObjectStoreRef, secrets: SecretFiles): Promise<ObjectStore> {
  return new AzureObjectStore(await azureContainer(ref, await ownAccessKey(ref, secrets)));
}

/** The access key that a reference names; none where the SDK's own chain is used. */
export async function ownAccessKey({ credentials }: ObjectStoreRef, secrets: SecretFiles): Promise<string | undefined> {
  if (credentials === undefined) return undefined;
  return accessKeyOf((await secrets.read(credentials)).reveal(), 'env' in credentials ? `$${credentials.env}` : credentials.file);
}

/** The SDK's client of a container, with an access key of its account or by the SDK's own chain. */
export async function azureContainer({ bucket, endpoint, account }: ObjectStoreRef, accessKey: string | undefined): Promise<ContainerClient> {
  if (account === undefined) throw new DrError({ code: 'INPUT_INVALID', message: `container '${bucket}' is in no storage account: name it as account` });
  const { BlobServiceClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
  const url = endpoint ?? `https://${account}.blob.core.windows.net`;
  const credential =
    accessKey === undefined ? new (await import('@azure/identity')).DefaultAzureCredential() : new StorageSharedKeyCredential(account, accessKey);
  return new BlobServiceClient(url, credential, { retryOptions: RETRIES }).getContainerClient(bucket);
}

/** From a file of `NAME=value` lines, as Velero's plugin is given one (velero-plugin-for-microsoft-azure README, "Use Storage Account access key"). */
export function accessKeyOf(text: string, origin: string): string {
  const line = text.split('\n').find((one) => one.trim().startsWith(`${KEY}=`));
  const value = line
    ?.trim()
    .slice(KEY.length + 1)
    .replace(/^"(.*)"$/, '$1');
  guardSecret(value);
  if (value !== undefined && value !== '') return value;
  throw new DrError({
    code: 'SECRET_SOURCE_MISSING',
    message: `${origin} has no line ${KEY}=…`,
    suggestions: ['write the access key of the storage account into it, or leave credentials out and log in: az login'],
  });
}
