import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { S3Client } from '@aws-sdk/client-s3';
import { findServer, freePort, startServer } from './servers.ts';

/** A real S3 server with one bucket. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  /** AWS shared-credentials file. */
  readonly credentialsFile: string;
  /** The same of an account that may list and read the bucket and nothing else; versitygw only. */
  readonly readerCredentials: string;
  /** Stores an object. */
  put(key: string, content: Uint8Array): Promise<void>;
  /** Asks the server for anything else, as the owner of the bucket. */
  readonly client: S3Client;
}

/** A bucket that keeps versions, with Object Lock. */
export interface BucketOptions {
  readonly versioned?: boolean;
  /** Serve TLS with this certificate; versitygw only. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
}

const ACCESS = 'contract-access';
const SECRET = 'contract-secret';
/** May list and read the bucket, or what its policy says since. */
export const READER = 'contract-reader';
const READER_POLICY = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { AWS: [READER] },
      Action: ['s3:GetObject', 's3:ListBucket'],
      Resource: ['arn:aws:s3:::contract', 'arn:aws:s3:::contract/*'],
    },
  ],
};

/** Starts versitygw on a free port. */
export async function startVersitygw(folder: string, { versioned = false, tls }: BucketOptions = {}): Promise<S3Server> {
  const [versions, iam] = [join(folder, 'versitygw-versions'), join(folder, 'versitygw-iam')];
  await mkdir(versions);
  await mkdir(iam);
  // The layout is that of versitygw 1.8 auth/iam_internal.go.
  const reader = { access: READER, secret: SECRET, role: 'user', userID: 0, groupID: 0, projectID: 0 };
  await writeFile(join(iam, 'users.json'), JSON.stringify({ accessAccounts: { [READER]: reader } }), { mode: 0o600 });
  return await startS3({
    folder,
    versioned,
    name: 'versitygw',
    policy: JSON.stringify(READER_POLICY),
    ...(tls === undefined ? {} : { ca: tls.ca }),
    args: (address, data) => [
      '--port',
      address,
      ...(tls === undefined ? [] : ['--cert', tls.cert, '--key', tls.key]),
      '--iam-dir',
      iam,
      'posix',
      ...(versioned ? ['--versioning-dir', versions] : []),
      data,
    ],
    env: { ROOT_ACCESS_KEY: ACCESS, ROOT_SECRET_KEY: SECRET },
  });
}

/** Starts MinIO on a free port. */
export async function startMinio(folder: string, { versioned = false }: BucketOptions = {}): Promise<S3Server> {
  return await startS3({
    folder,
    versioned,
    name: 'minio',
    args: (address, data) => ['server', '--quiet', '--address', address, '--certs-dir', join(folder, 'certs'), data],
    env: { MINIO_ROOT_USER: ACCESS, MINIO_ROOT_PASSWORD: SECRET, MINIO_BROWSER: 'off', MINIO_UPDATE: 'off' },
  });
}

interface S3ServerOptions {
  readonly folder: string;
  readonly versioned: boolean;
  readonly name: string;
  readonly args: (address: string, data: string) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Policy of the bucket. */
  readonly policy?: string;
  /** PEM of the authority behind its certificate; without it, it serves no TLS. */
  readonly ca?: string;
}

async function startS3({ folder, versioned, name, args, env, policy, ca }: S3ServerOptions): Promise<S3Server> {
  const address = `127.0.0.1:${await freePort()}`;
  const endpoint = `${ca === undefined ? 'http' : 'https'}://${address}`;
  const [data, credentialsFile] = [join(folder, `${name}-data`), join(folder, `${name}-credentials`)];
  await mkdir(data);
  await writeFile(credentialsFile, `[default]\naws_access_key_id=${ACCESS}\naws_secret_access_key=${SECRET}\n`, { mode: 0o600 });
  const client = await s3Client(endpoint, ca);
  const server = await startServer({
    name,
    file: findServer(name) ?? '',
    folder,
    args: args(address, data),
    env,
    // A server that listens may still refuse for a while.
    ready: async () => {
      await client.createBucket('contract', versioned);
      return true;
    },
  });
  if (policy !== undefined) await client.setPolicy('contract', policy);
  return {
    endpoint,
    bucket: 'contract',
    credentialsFile,
    client: client.client,
    readerCredentials: `[default]\naws_access_key_id=${READER}\naws_secret_access_key=${SECRET}\n`,
    put: async (key, content) => client.put('contract', { key, content }),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.stop('SIGKILL');
    },
  };
}

async function s3Client(endpoint: string, ca?: string) {
  const { S3Client, CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand } = await import('@aws-sdk/client-s3');
  const credentials = { accessKeyId: ACCESS, secretAccessKey: SECRET };
  const tls = ca === undefined ? {} : { requestHandler: { httpsAgent: { ca } } };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, ...tls });
  return {
    client,
    createBucket: async (bucket: string, versioned: boolean) =>
      void (await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: versioned }))),
    setPolicy: async (bucket: string, policy: string) => void (await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }))),
    put: async (bucket: string, { key, content }: { readonly key: string; readonly content: Uint8Array }) =>
      void (await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }))),
    close: () => client.destroy(),
  };
}
