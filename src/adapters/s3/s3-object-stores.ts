import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { ObjectStore, ObjectStoreRef, ObjectStores } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { S3ObjectStore } from './s3-object-store.ts';
import { parseSharedCredentials } from './shared-credentials.ts';

/** Tries of one request, by the SDK: waits double from 100 ms, each cut at random; 6 s on average and 13 s at most before it gives up. */
const MAX_ATTEMPTS = 8;
/** Signing needs a region; servers other than AWS do not care which. */
const REGION_OF_OTHERS = 'us-east-1';

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
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      for (const result of all) if (result.status === 'fulfilled') result.value.client.destroy();
    },
  };
}

async function openStore(ref: ObjectStoreRef, { secrets }: S3ObjectStoresOptions): Promise<{ readonly store: ObjectStore; readonly client: S3Client }> {
  // The SDK is slow to load and most commands never ask S3.
  const sdk = await import('@aws-sdk/client-s3');
  const client = new sdk.S3Client(await clientConfig(ref, secrets));
  return { store: new S3ObjectStore(ref.bucket, { client, sdk }), client };
}

async function clientConfig(ref: ObjectStoreRef, secrets: SecretFiles): Promise<S3ClientConfig> {
  const { endpoint, profile, credentials } = ref;
  const region = ref.region ?? (endpoint === undefined ? undefined : REGION_OF_OTHERS);
  return {
    maxAttempts: MAX_ATTEMPTS,
    ...(region === undefined ? {} : { region }),
    // With credentials of its own, `profile` is the section in that file.
    ...(credentials === undefined
      ? profile === undefined
        ? {}
        : { profile }
      : {
          credentials: parseSharedCredentials(
            await secrets.read(credentials),
            profile ?? 'default',
            'env' in credentials ? `$${credentials.env}` : credentials.file,
          ),
        }),
    // Checksums that the SDK adds since 3.729 broke several servers (aws-sdk-js-v3#6810); most have no wildcard DNS either.
    ...(endpoint === undefined
      ? {}
      : { endpoint, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' as const, responseChecksumValidation: 'WHEN_REQUIRED' as const }),
  };
}
