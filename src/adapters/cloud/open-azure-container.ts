import { DrError } from '../../errors/dr-error.ts';
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
export async function openAzureContainer({ bucket, endpoint, account, credentials }: ObjectStoreRef, secrets: SecretFiles): Promise<ObjectStore> {
  if (account === undefined) throw new DrError({ code: 'INPUT_INVALID', message: `container '${bucket}' is in no storage account: name it as account` });
  const { BlobServiceClient, StorageSharedKeyCredential } = await import('@azure/storage-blob');
  const url = endpoint ?? `https://${account}.blob.core.windows.net`;
  const options = { retryOptions: RETRIES };
  if (credentials === undefined) {
    const { DefaultAzureCredential } = await import('@azure/identity');
    return new AzureObjectStore(new BlobServiceClient(url, new DefaultAzureCredential(), options).getContainerClient(bucket));
  }
  const key = accessKey((await secrets.read(credentials)).reveal(), 'env' in credentials ? `$${credentials.env}` : credentials.file);
  return new AzureObjectStore(new BlobServiceClient(url, new StorageSharedKeyCredential(account, key), options).getContainerClient(bucket));
}

/** From a file of `NAME=value` lines, as Velero's plugin is given one (velero-plugin-for-microsoft-azure README, "Use Storage Account access key"). */
function accessKey(text: string, origin: string): string {
  const line = text.split('\n').find((one) => one.trim().startsWith(`${KEY}=`));
  const value = line
    ?.trim()
    .slice(KEY.length + 1)
    .replace(/^"(.*)"$/, '$1');
  if (value !== undefined && value !== '') return value;
  throw new DrError({
    code: 'SECRET_SOURCE_MISSING',
    message: `${origin} has no line ${KEY}=…`,
    suggestions: ['write the access key of the storage account into it, or leave credentials out and log in: az login'],
  });
}
