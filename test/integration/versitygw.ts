import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findServer, freePort, startServer } from './servers.ts';

/** A real S3 server with one bucket. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  /** AWS shared-credentials file. */
  readonly credentialsFile: string;
  /** Stores an object. */
  put(key: string, content: Uint8Array): Promise<void>;
}

const ACCESS = 'contract-access';
const SECRET = 'contract-secret';

/** Starts versitygw on a free port. */
export async function startVersitygw(folder: string): Promise<S3Server> {
  const port = await freePort();
  const [data, credentialsFile] = [join(folder, 'data'), join(folder, 'credentials')];
  await mkdir(data);
  await writeFile(credentialsFile, `[default]\naws_access_key_id=${ACCESS}\naws_secret_access_key=${SECRET}\n`, { mode: 0o600 });
  const server = await startServer({
    name: 'versitygw',
    file: findServer('versitygw') ?? '',
    folder,
    args: ['--port', `127.0.0.1:${port}`, 'posix', data],
    env: { ROOT_ACCESS_KEY: ACCESS, ROOT_SECRET_KEY: SECRET },
    ready: async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0,
  });
  const client = await s3Client(`http://127.0.0.1:${port}`);
  await client.createBucket('contract');
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket: 'contract',
    credentialsFile,
    put: async (key, content) => client.put('contract', { key, content }),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.stop('SIGKILL');
    },
  };
}

async function s3Client(endpoint: string) {
  const { S3Client, CreateBucketCommand, PutObjectCommand } = await import('@aws-sdk/client-s3');
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: ACCESS, secretAccessKey: SECRET } });
  return {
    createBucket: async (bucket: string) => void (await client.send(new CreateBucketCommand({ Bucket: bucket }))),
    put: async (bucket: string, { key, content }: { readonly key: string; readonly content: Uint8Array }) =>
      void (await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: content }))),
    close: () => client.destroy(),
  };
}
