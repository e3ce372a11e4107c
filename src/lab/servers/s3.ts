import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Secret } from '../../model/secret.ts';
import type { SharedPorts } from '../block.ts';
import type { LabConfig, LabS3 } from '../config.ts';
import { readJsonFile, replaceFile, writeJsonFile } from '../json-file.ts';
import { layoutOf } from '../layout.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

/** Owns the buckets and makes them; nobody else uses it, so that the access log shows who did what. */
const ROOT_ACCOUNT = 'lab-root';
const ACCOUNTS = ['velero', 'lattice-dr'] as const;

/** The S3 server of a lab, before it has been started. */
export function describeS3(directory: string, ports: SharedPorts, faultProxy: boolean): LabS3 {
  const folder = layoutOf(directory).s3;
  return {
    endpoint: `http://127.0.0.1:${faultProxy ? ports.s3Proxy : ports.s3}`,
    port: ports.s3,
    ...(faultProxy ? { proxy: { port: ports.s3Proxy, control: ports.s3ProxyControl } } : {}),
    region: 'us-east-1',
    credentialsPath: join(folder, 'lattice-dr.credentials'),
    veleroCredentialsPath: join(folder, 'velero.credentials'),
    bucket: 'lattice-backups',
    volumeBucket: 'lattice-volumes',
    accessLogPath: join(layoutOf(directory).logs, 's3-access.log'),
  };
}

/** Makes folders, accounts and credential files; what exists stays. */
export async function prepareS3(directory: string): Promise<void> {
  const folder = layoutOf(directory).s3;
  for (const name of ['data', 'versions', 'iam']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  const usersPath = join(folder, 'iam', 'users.json');
  if ((await readJsonFile(usersPath)) !== undefined) return;
  const accounts: Record<string, object> = {};
  for (const [index, access] of ACCOUNTS.entries()) {
    const secret = randomBytes(20).toString('hex');
    accounts[access] = { access, secret, role: 'admin', userID: index, groupID: index, projectID: 0 };
    await writeCredentials(directory, access, secret);
  }
  await writeCredentials(directory, ROOT_ACCOUNT, randomBytes(20).toString('hex'));
  // Last, as it says that all is there. The layout is that of versitygw 1.8 auth/iam_internal.go.
  await writeJsonFile(usersPath, { accessAccounts: accounts });
}

/** versitygw on plain files: objects keep their names on disk, versions lie in a folder beside them. */
export async function s3Spec(lab: LabConfig, file: string): Promise<ServerSpec> {
  const folder = layoutOf(lab.directory).s3;
  return {
    id: 's3',
    file,
    args: [
      `--port=127.0.0.1:${lab.s3.port}`,
      `--region=${lab.s3.region}`,
      `--iam-dir=${join(folder, 'iam')}`,
      `--access-log=${lab.s3.accessLogPath}`,
      '--health=/healthz',
      '--keep-alive',
      '--quiet',
      'posix',
      `--versioning-dir=${join(folder, 'versions')}`,
      join(folder, 'data'),
    ],
    env: { ROOT_ACCESS_KEY: ROOT_ACCOUNT, ROOT_SECRET_KEY: await readSecret(lab.directory, ROOT_ACCOUNT) },
    workDirectory: folder,
    logPath: join(layoutOf(lab.directory).logs, 's3.log'),
    readyTimeoutMs: 90_000,
    isReady: async (signal) => await answersOk(`http://127.0.0.1:${lab.s3.port}/healthz`, signal),
  };
}

/** Makes the lab's buckets, versioned and with Object Lock enabled (which holds nothing until an object asks for it); what exists stays. */
export async function ensureBuckets(lab: LabConfig, signal: AbortSignal): Promise<void> {
  // On use only: the SDK takes a quarter of a second to load.
  const { CreateBucketCommand, HeadBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const secretAccessKey = (await readSecret(lab.directory, ROOT_ACCOUNT)).reveal();
  const client = new S3Client({
    // The server itself: no fault may keep a lab from coming up.
    endpoint: `http://127.0.0.1:${lab.s3.port}`,
    region: lab.s3.region,
    forcePathStyle: true,
    credentials: { accessKeyId: ROOT_ACCOUNT, secretAccessKey },
  });
  try {
    for (const Bucket of [lab.s3.bucket, lab.s3.volumeBucket]) {
      const exists = await client.send(new HeadBucketCommand({ Bucket }), { abortSignal: signal }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Error && error.name === 'NotFound') return false;
          throw error;
        },
      );
      if (!exists) await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }), { abortSignal: signal });
    }
  } finally {
    client.destroy();
  }
}

async function writeCredentials(directory: string, account: string, secret: string): Promise<void> {
  await replaceFile(credentialsPath(directory, account), `[default]\naws_access_key_id=${account}\naws_secret_access_key=${secret}\n`);
}

async function readSecret(directory: string, account: string): Promise<Secret> {
  const text = await readFile(credentialsPath(directory, account), 'utf8');
  return new Secret(/^aws_secret_access_key=(.*)$/m.exec(text)?.[1] ?? '');
}

function credentialsPath(directory: string, account: string): string {
  return join(layoutOf(directory).s3, `${account}.credentials`);
}
