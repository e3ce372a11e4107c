import { DrError } from '../../errors/dr-error.ts';
import type { Known } from '../../model/known.ts';
import type { ObjectStore, ObjectStoreRef, ObjectStores } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { azureRightsOf } from './azure-rights.ts';
import { openAzureContainer } from './open-azure-container.ts';
import { openGcsBucket } from './open-gcs-bucket.ts';

export interface CloudObjectStoresOptions {
  readonly secrets: SecretFiles;
  /** Opens what has no provider of its own. */
  readonly s3: ObjectStores;
}

/** Opens buckets by the SDK of their provider. */
export function createCloudObjectStores({ secrets, s3 }: CloudObjectStoresOptions): ObjectStores {
  const opened = new Map<string, Promise<ObjectStore>>();
  return {
    async open(ref) {
      if (ref.provider === undefined) return await s3.open(ref);
      const key = JSON.stringify(ref);
      const store = opened.get(key) ?? (ref.provider === 'gcs' ? openGcsBucket(ref, secrets) : openAzureContainer(ref, secrets));
      opened.set(key, store);
      // Credentials that could not be read may be there the next time.
      store.catch(() => opened.delete(key));
      return await store;
    },
    async rights(ref, other, signal) {
      if (ref.provider === undefined) return await s3.rights(ref, other, signal);
      if (ref.provider === 'azure') return await azureRightsOf(ref, other, { secrets, signal });
      // Google would tell (testIamPermissions), but its stand-in knows neither identities nor permissions: nothing shows that the answer would be read rightly.
      const unknown: Known<never> = { known: false, reason: 'which permissions a service account of Google has is not asked' };
      return { isSame: unknown, canDelete: unknown, canShortenLock: unknown };
    },
    async refusedToWrite(ref, probe) {
      if (ref.provider === undefined) return await s3.refusedToWrite(ref, probe);
      throw notRestoredFrom(ref);
    },
    async [Symbol.asyncDispose]() {
      opened.clear();
      await s3[Symbol.asyncDispose]();
    },
  };
}

function notRestoredFrom({ provider, bucket }: Pick<ObjectStoreRef, 'provider' | 'bucket'>): DrError {
  return new DrError({
    code: 'INPUT_INVALID',
    message: `nothing is restored from ${bucket}, which is of provider ${provider}: the platform installs no Velero plugin for it`,
    suggestions: ['copy the backups to a bucket of S3, or of a server that speaks its protocol, and name that under spec.backups'],
  });
}
