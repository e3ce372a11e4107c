import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type * as Sdk from '@aws-sdk/client-s3';
import { DrError } from '../../errors/dr-error.ts';
import { type Secret, type SecretRef } from '../../model/secret.ts';
import type { ObjectStoreRef } from '../../ports/object-store.ts';
import type { SecretFiles } from '../../ports/secret-files.ts';
import { parseSharedCredentials } from './shared-credentials.ts';

/** Signing needs a region; servers other than AWS do not care which. */
const REGION_OF_OTHERS = 'us-east-1';

export interface S3ClientOptions {
  readonly secrets: SecretFiles;
  /** Tries of one request by the SDK itself, the first included. */
  readonly maxAttempts: number;
  /** Credentials at hand, used in place of those that the reference names. */
  readonly given?: Secret;
}

/** A client of the SDK, and the SDK that made it. */
export interface OpenS3Client {
  readonly client: Sdk.S3Client;
  readonly sdk: typeof Sdk;
}

/** Makes a client for a bucket; asks nobody yet. Throws `SECRET_SOURCE_MISSING` for credentials that cannot be read. The caller destroys it. */
export async function openS3Client(ref: ObjectStoreRef, options: S3ClientOptions): Promise<OpenS3Client> {
  // The SDK is slow to load and most commands never ask S3.
  const sdk = await import('@aws-sdk/client-s3');
  return { client: new sdk.S3Client({ maxAttempts: options.maxAttempts, ...(await clientConfig(ref, options)) }), sdk };
}

async function clientConfig(ref: ObjectStoreRef, options: S3ClientOptions): Promise<Sdk.S3ClientConfig> {
  const { endpoint } = ref;
  const region = ref.region ?? (endpoint === undefined ? undefined : REGION_OF_OTHERS);
  return {
    ...(region === undefined ? {} : { region }),
    ...(await identityConfig(ref, options)),
    ...(ref.ca === undefined ? {} : { requestHandler: { httpsAgent: { ca: [...rootCertificates, await authorityIn(ref.ca, options.secrets)] } } }),
    // Checksums that the SDK adds since 3.729 broke several servers (aws-sdk-js-v3#6810); most have no wildcard DNS either.
    ...(endpoint === undefined
      ? {}
      : { endpoint, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' as const, responseChecksumValidation: 'WHEN_REQUIRED' as const }),
  };
}

/** Certificates of a PEM file. Throws `INPUT_INVALID` when it holds none: TLS would only ever say that the server is not trusted. */
async function authorityIn(ref: SecretRef, secrets: SecretFiles): Promise<string> {
  const pem = (await secrets.read(ref)).reveal();
  if (isCertificate(pem)) return pem;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${originOf(ref)} holds no certificate in PEM form`,
    suggestions: ['name the certificate of the authority in `ca`'],
  });
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false; // Told by whoever asks.
  }
}

function originOf(ref: SecretRef): string {
  return 'env' in ref ? `$${ref.env}` : ref.file;
}

/** Whose name requests are signed with. With credentials of its own, `profile` is the section in that file. */
async function identityConfig({ profile, credentials }: ObjectStoreRef, { secrets, given }: S3ClientOptions): Promise<Sdk.S3ClientConfig> {
  if (given !== undefined) return { credentials: parseSharedCredentials(given, 'default', 'the Secret') };
  if (credentials === undefined) return profile === undefined ? {} : { profile };
  return { credentials: parseSharedCredentials(await secrets.read(credentials), profile ?? 'default', originOf(credentials)) };
}
