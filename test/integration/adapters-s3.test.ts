import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { openS3RunStore } from '../../src/adapters/s3/s3-run-store.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { createAuthority, issueCertificate } from '../../src/lab/pki/issue-certificate.ts';
import { Secret } from '../../src/model/secret.ts';
import type { ObjectStoreRef } from '../../src/ports/object-store.ts';
import { describeObjectStore, describeVersionedStore, type VersionedStoreSubject } from '../contract/object-store.ts';
import { type S3Server, startVersitygw } from './s3-servers.ts';
import { freePort, missingServers, temporaryFolder } from './servers.ts';

const missing = missingServers(['versitygw']);
const stores = () => createObjectStores({ secrets: createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) }) });
const refOf = (server: S3Server): ObjectStoreRef => ({ bucket: server.bucket, endpoint: server.endpoint, credentials: { file: server.credentialsFile } });

async function versioned(start: typeof startVersitygw): Promise<VersionedStoreSubject> {
  const folder = await temporaryFolder('s3-versions');
  const server = await start(folder.path, { versioned: true });
  const opened = stores();
  const { client, bucket: Bucket } = server;
  return {
    store: await opened.open(refOf(server)),
    put: async (key, content) => server.put(key, content),
    remove: async (Key) => void (await client.send(new DeleteObjectCommand({ Bucket, Key }))),
    lock: async (Key, Mode, RetainUntilDate) => void (await client.send(new PutObjectRetentionCommand({ Bucket, Key, Retention: { Mode, RetainUntilDate } }))),
    async [Symbol.asyncDispose]() {
      await opened[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(missing.length > 0)(`S3 adapter on a real server${missing.length > 0 ? ' (skipped: versitygw not built)' : ''}`, { timeout: 60_000 }, () => {
  describeObjectStore('real versitygw', async () => {
    const folder = await temporaryFolder('s3');
    const server = await startVersitygw(folder.path);
    const opened = stores();
    const store = await opened.open(refOf(server));
    return {
      store,
      put: async (key, content) => server.put(key, content),
      async [Symbol.asyncDispose]() {
        await opened[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
        await folder[Symbol.asyncDispose]();
      },
    };
  });

  describeVersionedStore('real versitygw', async () => await versioned(startVersitygw));

  describe('what a server refuses', () => {
    let folder: AsyncDisposable & { readonly path: string };
    let server: S3Server;
    const signal = () => AbortSignal.timeout(30_000);

    beforeAll(async () => {
      folder = await temporaryFolder('s3-refused');
      server = await startVersitygw(folder.path);
    }, 60_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    it('tells an absent bucket from an absent object', async () => {
      await using opened = stores();
      const store = await opened.open({ ...refOf(server), bucket: 'absent' });
      await expect(store.list({ prefix: '', signal: signal() })).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'NoSuchBucket' } });
      await expect(store.read('x', { maxBytes: 1, signal: signal() })).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'NoSuchBucket' } });
    });

    it('says that credentials are refused, or not there, without showing them', async () => {
      await using opened = stores();
      const wrong = join(folder.path, 'wrong');
      await writeFile(wrong, '[default]\naws_access_key_id = contract-access\naws_secret_access_key = not-the-secret\n');
      const store = await opened.open({ ...refOf(server), credentials: { file: wrong } });
      const refused = store.list({ prefix: '', signal: signal() });
      await expect(refused).rejects.toMatchObject({ code: 'S3_FAILED', details: { code: 'SignatureDoesNotMatch', status: 403 } });
      await expect(refused).rejects.not.toThrow('not-the-secret');
      await writeFile(wrong, '[other]\naws_access_key_id = a\n');
      await expect(opened.open({ ...refOf(server), credentials: { file: wrong }, profile: 'other' })).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
    });

    it('tells credentials that may write from those that may only read, and leaves nothing behind', async () => {
      await using opened = stores();
      const probe = async (credentials: string, bucket = server.bucket) =>
        await opened.refusedToWrite(
          { bucket, endpoint: server.endpoint },
          { credentials: new Secret(credentials), key: 'restores/x/may-write', signal: signal() },
        );
      expect(await probe(await readFile(server.credentialsFile, 'utf8'))).toBeUndefined();
      expect(await probe(server.readerCredentials)).toMatch(/restores\/x\/may-write: AccessDenied/);
      expect(await probe(server.readerCredentials.replace('contract-secret', 'not-the-secret'))).toMatch(/SignatureDoesNotMatch/);
      expect(await probe(await readFile(server.credentialsFile, 'utf8'), 'absent')).toMatch(/NoSuchBucket/);
      await expect(probe('[other]\n')).rejects.toMatchObject({ code: 'SECRET_SOURCE_MISSING' });
      expect(await (await opened.open(refOf(server))).list({ prefix: 'restores/', signal: signal() })).toEqual({ objects: [], prefixes: [] });
    });

    it('reads more than a page of keys', async () => {
      await using opened = stores();
      const keys = Array.from({ length: 1_100 }, (_, index) => `many/${String(index).padStart(4, '0')}`);
      for (let start = 0; start < keys.length; start += 50)
        await Promise.all(keys.slice(start, start + 50).map(async (key) => server.put(key, new Uint8Array([1]))));
      const { objects } = await (await opened.open(refOf(server))).list({ prefix: 'many/', signal: signal() });
      expect(objects.map(({ key }) => key)).toEqual(keys);
    });

    it('is unavailable, after its retries, when nobody answers', async () => {
      await using opened = stores();
      const store = await opened.open({ ...refOf(server), endpoint: `http://127.0.0.1:${await freePort()}` });
      await expect(store.head('x', signal())).rejects.toMatchObject({ code: 'S3_UNAVAILABLE', retry: 'retryable', details: { code: 'ECONNREFUSED' } });
    });
  });

  describe('with a certificate that a private authority has signed', () => {
    let folder: AsyncDisposable & { readonly path: string };
    let server: S3Server;
    let ca = '';
    const signal = () => AbortSignal.timeout(30_000);

    beforeAll(async () => {
      folder = await temporaryFolder('s3-tls');
      const authority = await createAuthority('a private authority');
      const served = await issueCertificate(authority, { commonName: 's3', addresses: ['127.0.0.1'] });
      const [cert, key] = [join(folder.path, 'tls.crt'), join(folder.path, 'tls.key')];
      ca = join(folder.path, 'ca.crt');
      for (const [file, text] of Object.entries({ [cert]: served.cert, [key]: served.key, [ca]: authority.cert })) await writeFile(file, text);
      server = await startVersitygw(folder.path, { tls: { cert, key, ca: authority.cert } });
      await server.put('backups/x', new TextEncoder().encode('x'));
    }, 60_000);
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    });

    it('serves who names the authority, and is refused at once by who does not, who is told what to name', async () => {
      await using opened = stores();
      const trusting = await opened.open({ ...refOf(server), ca: { file: ca } });
      expect((await trusting.list({ prefix: 'backups/', signal: signal() })).objects).toMatchObject([{ key: 'backups/x', sizeBytes: 1 }]);
      const plain = await opened.open(refOf(server));
      const refused = plain.list({ prefix: '', signal: signal() });
      await expect(refused).rejects.toMatchObject({
        code: 'S3_FAILED',
        message: expect.stringContaining('not trusted'),
        suggestions: [expect.stringContaining('`ca`')],
      });
    });

    it('is not trusted by another authority, and a file without a certificate is told so', async () => {
      await using opened = stores();
      const [other, empty] = [join(folder.path, 'other.crt'), join(folder.path, 'empty.crt')];
      await writeFile(other, (await createAuthority('a private authority')).cert);
      await writeFile(empty, 'nothing');
      const store = await opened.open({ ...refOf(server), ca: { file: other } });
      await expect(store.head('backups/x', signal())).rejects.toMatchObject({ code: 'S3_FAILED' });
      await expect(opened.open({ ...refOf(server), ca: { file: empty } })).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        message: expect.stringContaining('empty.crt'),
      });
    });

    it('keeps run state for who names the authority', async () => {
      const secrets = createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) });
      await using state = await openS3RunStore({ ...refOf(server), prefix: 'runs', ca: { file: ca } }, { secrets, clock: systemClock });
      expect(await state.putIfAbsent('a/b', new Uint8Array([1]))).toBe(true);
      await using blind = await openS3RunStore({ ...refOf(server), prefix: 'runs' }, { secrets, clock: systemClock });
      await expect(blind.get('a/b')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    });
  });
});
