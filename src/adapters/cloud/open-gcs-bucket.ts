import { DrError } from '../../errors/dr-error.ts';
import { guardSecret } from '../../model/secret.ts';
import type { ObjectStore, ObjectStoreRef } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { GcsObjectStore } from './gcs-object-store.ts';

/** Tries of one request by the SDK, and how long it goes on with them, in seconds. */
const RETRIES = { autoRetry: true, maxRetries: 3, totalTimeout: 20, maxRetryDelay: 4 } as const;

/** A bucket of Google Cloud Storage; asks nobody yet. Throws `SECRET_SOURCE_MISSING` for a key file that is none. Without credentials the SDK's own chain is used. */
export async function openGcsBucket({ bucket, endpoint, credentials }: ObjectStoreRef, secrets: SecretFiles): Promise<ObjectStore> {
  const { CRC32C, Storage } = await import('@google-cloud/storage');
  const key =
    credentials === undefined
      ? undefined
      : serviceAccount((await secrets.read(credentials)).reveal(), 'env' in credentials ? `$${credentials.env}` : credentials.file);
  const storage = new Storage({
    retryOptions: RETRIES,
    ...(key === undefined ? {} : { credentials: key, ...(key.project_id === undefined ? {} : { projectId: key.project_id }) }),
    // A server that stands in for Google's is asked without a name, unless there is one for it.
    ...(endpoint === undefined ? {} : { apiEndpoint: endpoint, useAuthWithCustomEndpoint: key !== undefined }),
  });
  return new GcsObjectStore(storage.bucket(bucket), () => new CRC32C());
}

interface ServiceAccount {
  readonly client_email: string;
  readonly private_key: string;
  readonly project_id?: string;
}

/** The key file that Velero's plugin is given too (velero-plugin-for-gcp README). The message names what is missing, never a value. */
function serviceAccount(text: string, origin: string): ServiceAccount {
  let value: Partial<ServiceAccount> | null = null;
  try {
    value = JSON.parse(text) as Partial<ServiceAccount> | null;
  } catch {
    // Told below: what cannot be read has none of the fields.
  }
  const missing = (['client_email', 'private_key'] as const).filter((field) => typeof value?.[field] !== 'string');
  guardSecret(value?.private_key);
  if (missing.length === 0) return value as ServiceAccount;
  throw new DrError({
    code: 'SECRET_SOURCE_MISSING',
    message: `${origin} is no key file of a service account: it has no ${missing.join(' and no ')}`,
    suggestions: ['make one: gcloud iam service-accounts keys create FILE --iam-account ACCOUNT'],
  });
}
