import type { S3Client } from '@aws-sdk/client-s3';
import type { ObjectStore, ObjectStoreRef, ObjectStores } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { openS3Client } from './s3-client.ts';
import { S3ObjectStore } from './s3-object-store.ts';
import { rightsOf } from './s3-rights.ts';
import { refusedToWrite } from './write-probe.ts';

/** Tries of one request, by the SDK: waits double from 100 ms, each cut at random; 6 s on average and 13 s at most before it gives up. */
const MAX_ATTEMPTS = 8;

export interface S3ObjectStoresOptions {
  readonly secrets: SecretFiles;
}

/** Opens buckets, one client for each reference. */
export function createObjectStores(options: S3ObjectStoresOptions): ObjectStores {
  const opened = new Map<string, Promise<{ readonly store: ObjectStore; readonly client: S3Client }>>();
  return {
    async open(ref) {
      const key = JSON.stringify(ref);
      const entry = opened.get(key) ?? openStore(ref, options);
      opened.set(key, entry);
      // Credentials that could not be read may be there the next time.
      entry.catch(() => opened.delete(key));
      return (await entry).store;
    },
    rights: async (ref, other, signal) => await rightsOf(ref, other, { ...options, signal }),
    async refusedToWrite({ bucket, region, endpoint, ca }, { credentials, key, signal }) {
      const place = {
        bucket,
        ...(region === undefined ? {} : { region }),
        ...(endpoint === undefined ? {} : { endpoint }),
        ...(ca === undefined ? {} : { ca }),
      };
      const opening = await openS3Client(place, { secrets: options.secrets, maxAttempts: MAX_ATTEMPTS, given: credentials });
      try {
        return await refusedToWrite(opening, bucket, { key, signal });
      } finally {
        opening.client.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      for (const result of all) if (result.status === 'fulfilled') result.value.client.destroy();
    },
  };
}

async function openStore(ref: ObjectStoreRef, { secrets }: S3ObjectStoresOptions): Promise<{ readonly store: ObjectStore; readonly client: S3Client }> {
  const { client, sdk } = await openS3Client(ref, { secrets, maxAttempts: MAX_ATTEMPTS });
  return { store: new S3ObjectStore(ref.bucket, { client, sdk }), client };
}
