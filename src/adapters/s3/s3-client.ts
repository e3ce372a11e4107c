import type * as Sdk from '@aws-sdk/client-s3';
import type { ObjectStoreRef } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { parseSharedCredentials, type StaticCredentials } from './shared-credentials.ts';

/** Signing needs a region; servers other than AWS do not care which. */
const REGION_OF_OTHERS = 'us-east-1';

export interface S3ClientOptions {
  readonly secrets: SecretFiles;
  /** Tries of one request by the SDK itself, the first included. */
  readonly maxAttempts: number;
  /** Other credentials than those of the reference. */
  readonly as?: StaticCredentials;
}

/** A client of the SDK, and the SDK that made it. */
export interface OpenS3Client {
  readonly client: Sdk.S3Client;
  readonly sdk: typeof Sdk;
}

/** Makes a client for a bucket; asks nobody yet. Throws `SECRET_SOURCE_MISSING` for credentials that cannot be read. The caller destroys it. */
export async function openS3Client(ref: ObjectStoreRef, { secrets, maxAttempts, as }: S3ClientOptions): Promise<OpenS3Client> {
  // The SDK is slow to load and most commands never ask S3.
  const sdk = await import('@aws-sdk/client-s3');
  return { client: new sdk.S3Client({ maxAttempts, ...(await clientConfig(ref, secrets)), ...(as === undefined ? {} : { credentials: as }) }), sdk };
}

async function clientConfig(ref: ObjectStoreRef, secrets: SecretFiles): Promise<Sdk.S3ClientConfig> {
  const { endpoint, profile, credentials } = ref;
  const region = ref.region ?? (endpoint === undefined ? undefined : REGION_OF_OTHERS);
  return {
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
