import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCloudObjectStores } from '../../src/adapters/cloud/cloud-object-stores.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { Secret } from '../../src/model/secret.ts';
import type { ObjectStores } from '../../src/ports/object-store.ts';
import { describeObjectStore, type ObjectStoreSubject } from '../contract/object-store.ts';
import { type CloudServer, missingClouds, startAzurite, startFakeGcs } from './cloud-servers.ts';
import { freePort, temporaryFolder } from './servers.ts';

const missing = missingClouds();
const secrets = createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) });
const stores = (): ObjectStores => createCloudObjectStores({ secrets, s3: createObjectStores({ secrets }) });
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

async function subject(start: (folder: string) => Promise<CloudServer>): Promise<ObjectStoreSubject> {
  const folder = await temporaryFolder('cloud');
  const server = await start(folder.path);
  const opened = stores();
  return {
    store: await opened.open(server.ref),
    put: server.put,
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(missing.length > 0)(`stores of clouds${missing.length > 0 ? ` (skipped: no ${missing.join(', ')})` : ''}`, { timeout: 60_000 }, () => {
  describeObjectStore('GCS on fake-gcs-server', async () => await subject(startFakeGcs));
  describeObjectStore('Azure on azurite', async () => await subject(startAzurite));

  describe('a GCS bucket that keeps versions', () => {
    let folder: AsyncDisposable & { readonly path: string };
    let server: CloudServer;

    beforeAll(async () => {
      folder = await temporaryFolder('gcs-versions');
      server = await startFakeGcs(folder.path, { versioned: true });
      for (const value of ['one', 'two!', 'three']) await server.put('v/a', Buffer.from(value));
      await server.put('v/b', Buffer.from('gone'));
      await server.remove('v/b');
    }, 60_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    it('tells all versions, the newest first, and a deletion', async () => {
      const store = await stores().open(server.ref);
      const versions = await store.versions({ prefix: 'v/', signal: signal() });
      if (!versions.known) throw new Error(versions.reason);
      expect(versions.value.map(({ key, sizeBytes, isLatest, isDeletion }) => [key, sizeBytes, isLatest, isDeletion])).toEqual([
        ['v/a', 5, true, false],
        ['v/a', 4, false, false],
        ['v/a', 3, false, false],
        ['v/b', 0, true, true],
        ['v/b', 4, false, false],
      ]);
      const [, second] = versions.value;
      const read = await store.read('v/a', { maxBytes: 10, signal: signal(), at: { versionId: second?.versionId ?? '' } });
      expect(Buffer.from(read ?? []).toString()).toBe('two!');
      expect((await store.head('v/a', signal()))?.versionId).toBe(versions.value[0]?.versionId);
    });
  });

  describe.each([
    ['GCS', startFakeGcs],
    ['Azure', startAzurite],
  ] as const)('what %s refuses', (_name, start) => {
    let folder: AsyncDisposable & { readonly path: string };
    let server: CloudServer;

    beforeAll(async () => {
      folder = await temporaryFolder('cloud-refused');
      server = await start(folder.path);
    }, 60_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    it('is told when the bucket is not there', async () => {
      const store = await stores().open({ ...server.ref, bucket: 'absent' });
      await expect(store.list({ prefix: '', signal: signal() })).rejects.toMatchObject({ code: 'S3_FAILED', details: { status: 404 } });
    });

    it('is told apart from silence', async () => {
      const endpoint = `http://127.0.0.1:${await freePort()}/${server.ref.account ?? ''}`;
      const store = await stores().open({ ...server.ref, endpoint });
      await expect(store.head('x', signal())).rejects.toMatchObject({ code: 'S3_UNAVAILABLE', retry: 'retryable' });
    });

    it('names what credentials of another form lack, and none of their content', async () => {
      const file = join(folder.path, 'other-form');
      await writeFile(file, '{"canary": "canary-of-a-key"}');
      const error = await stores()
        .open({ ...server.ref, credentials: { file } })
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'SECRET_SOURCE_MISSING', message: expect.stringMatching(/client_email|AZURE_STORAGE_ACCOUNT_ACCESS_KEY/) });
      expect(JSON.stringify(error)).not.toContain('canary-of-a-key');
    });

    it('is never asked what is asked before a restore', async () => {
      const probe = {
        credentials: await secrets.read({
          file: server.ref.credentials !== undefined && 'file' in server.ref.credentials ? server.ref.credentials.file : import.meta.filename,
        }),
        key: 'x',
        signal: signal(),
      };
      await expect(stores().refusedToWrite(server.ref, probe)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    });
  });

  it('refuses an Azure container with a key that is not its own', async () => {
    await using folder = await temporaryFolder('azure-key');
    await using server = await startAzurite(folder.path);
    const file = join(folder.path, 'other-key');
    await writeFile(file, `AZURE_STORAGE_ACCOUNT_ACCESS_KEY=${Buffer.from('another').toString('base64')}\n`);
    const store = await stores().open({ ...server.ref, credentials: { file } });
    await expect(store.list({ prefix: '', signal: signal() })).rejects.toMatchObject({ code: 'S3_FAILED', details: { status: 403 } });
  });

  it('tells what another access key of Azure may do, and cannot tell of one that the account does not know; nothing is written', async () => {
    await using folder = await temporaryFolder('azure-rights');
    await using server = await startAzurite(folder.path);
    const { credentials } = server.ref;
    const own = await secrets.read(credentials ?? { file: '' });
    const ask = async (content: Secret) => await stores().rights(server.ref, { content, prefix: 'main/backups/' }, signal());
    expect(await ask(own)).toMatchObject({ isSame: { known: true, value: true }, canDelete: { known: true, value: true } });
    const other = Buffer.from('canary-of-a-key').toString('base64');
    const unknown = await ask(new Secret(`AZURE_STORAGE_ACCOUNT_ACCESS_KEY=${other}`));
    expect(unknown).toMatchObject({ isSame: { known: true, value: false }, canDelete: { known: false }, canShortenLock: { known: false } });
    expect(JSON.stringify(unknown)).not.toContain(other);
    await expect(ask(new Secret('AZURE_CLIENT_ID=x\nAZURE_CLIENT_SECRET=y'))).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
    expect((await (await stores().open(server.ref)).list({ prefix: '', signal: signal() })).objects).toEqual([]);
  });
});
