import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { Storage } from '@google-cloud/storage';
import type { ObjectStoreRef } from '../../src/ports/object-store.ts';
import { AZURITE } from '../support/azurite.ts';
import { findServer, freePort, startServer } from './servers.ts';

/** A stand-in of a cloud with one bucket. */
export interface CloudServer extends AsyncDisposable {
  /** The bucket, with credentials where the server asks for some. */
  readonly ref: ObjectStoreRef;
  put(key: string, content: Uint8Array): Promise<void>;
  remove(key: string): Promise<void>;
}

/** What is not there of the stand-ins: the reason why their tests are skipped. */
export function missingClouds(): readonly string[] {
  return [...(findServer('fake-gcs-server') === undefined ? ['fake-gcs-server'] : []), ...(existsSync(AZURITE) ? [] : ['azurite'])];
}

const BUCKET = 'contract';

/** Starts a stand-in of Google Cloud Storage, which asks nobody who they are. */
export async function startFakeGcs(folder: string, { versioned = false } = {}): Promise<CloudServer> {
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = [
    '-scheme',
    'http',
    '-host',
    '127.0.0.1',
    '-port',
    String(port),
    '-public-host',
    `127.0.0.1:${port}`,
    '-external-url',
    endpoint,
    '-backend',
    'memory',
  ];
  const storage = new Storage({ apiEndpoint: endpoint, projectId: 'test' });
  const ready = async (): Promise<boolean> => {
    await storage.createBucket(BUCKET, { versioning: { enabled: versioned } });
    return true;
  };
  const server = await startServer({ name: 'fake-gcs-server', file: findServer('fake-gcs-server') ?? '', folder, args, ready });
  const file = (key: string) => storage.bucket(BUCKET).file(key);
  return {
    ref: { provider: 'gcs', bucket: BUCKET, endpoint },
    put: async (key, content) => await file(key).save(Buffer.from(content), { resumable: false }),
    remove: async (key) => void (await file(key).delete()),
    [Symbol.asyncDispose]: async () => await server.stop('SIGKILL'),
  };
}

/** Starts a stand-in of Azure Blob Storage, with an account of its own. */
export async function startAzurite(folder: string): Promise<CloudServer> {
  const port = await freePort();
  const [account, key] = ['contractaccount', randomBytes(32).toString('base64')];
  const endpoint = `http://127.0.0.1:${port}/${account}`;
  const [data, credentialsFile] = [join(folder, 'azurite-data'), join(folder, 'azurite-credentials')];
  await mkdir(data);
  await writeFile(credentialsFile, `AZURE_CLOUD_NAME=AzurePublicCloud\nAZURE_STORAGE_ACCOUNT_ACCESS_KEY=${key}\n`, { mode: 0o600 });
  const container = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(account, key), { retryOptions: { maxTries: 1 } }).getContainerClient(BUCKET);
  const args = [AZURITE, '--blobHost', '127.0.0.1', '--blobPort', String(port), '--location', data, '--silent', '--skipApiVersionCheck', '--disableTelemetry'];
  const ready = async (): Promise<boolean> => (await container.createIfNotExists()).succeeded;
  const server = await startServer({ name: 'azurite', file: process.execPath, args, folder, env: { AZURITE_ACCOUNTS: `${account}:${key}` }, ready });
  return {
    ref: { provider: 'azure', bucket: BUCKET, account, endpoint, credentials: { file: credentialsFile } },
    put: async (name, content) => void (await container.getBlockBlobClient(name).uploadData(content)),
    remove: async (name) => void (await container.deleteBlob(name)),
    [Symbol.asyncDispose]: async () => await server.stop('SIGKILL'),
  };
}
