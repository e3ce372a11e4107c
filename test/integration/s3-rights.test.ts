import { readFile } from 'node:fs/promises';
import { ListObjectVersionsCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import { Secret } from '../../src/model/secret.ts';
import type { StoreRights } from '../../src/ports/object-store.ts';
import { READER, type S3Server, startVersitygw } from './s3-servers.ts';
import { missingServers, temporaryFolder } from './servers.ts';

const missing = missingServers(['versitygw']);
const KEY = 'lattice-main/backups/a/velero-backup.json';
const WRITER = ['s3:GetObject', 's3:PutObject', 's3:ListBucket'];

describe.skipIf(missing.length > 0)(`what a credential may do, asked of a real server${missing.length > 0 ? ' (skipped: versitygw not built)' : ''}`, () => {
  let folder: AsyncDisposable & { readonly path: string };
  let server: S3Server;

  beforeAll(async () => {
    folder = await temporaryFolder('s3-rights');
    server = await startVersitygw(folder.path, { versioned: true });
    await server.put(KEY, new TextEncoder().encode('{}'));
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Lets the plain account do this in the bucket. */
  const allow = async (actions: readonly string[]): Promise<void> => {
    const Resource = [`arn:aws:s3:::${server.bucket}`, `arn:aws:s3:::${server.bucket}/*`];
    const Statement = [{ Effect: 'Allow', Principal: READER, Action: actions, Resource }];
    await server.client.send(new PutBucketPolicyCommand({ Bucket: server.bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
  };

  const ask = async (content: string): Promise<StoreRights> => {
    await using stores = createObjectStores({ secrets: createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) }) });
    const ref = { bucket: server.bucket, endpoint: server.endpoint, credentials: { file: server.credentialsFile } };
    return await stores.rights(ref, { content: new Secret(content), prefix: 'lattice-main/backups/' }, AbortSignal.timeout(30_000));
  };
  const versions = async () => await server.client.send(new ListObjectVersionsCommand({ Bucket: server.bucket }));

  it('finds that one which only writes can neither delete versions nor change locks, and is not ours', async () => {
    await allow(WRITER);
    const no = { known: true, value: false };
    expect(await ask(server.readerCredentials)).toEqual({ isSame: no, canDelete: no, canShortenLock: no });
  });

  it('finds one that may delete versions', async () => {
    await allow([...WRITER, 's3:DeleteObject', 's3:DeleteObjectVersion']);
    expect(await ask(server.readerCredentials)).toMatchObject({ canDelete: { known: true, value: true }, canShortenLock: { known: true, value: false } });
  });

  it('finds one that may change and bypass locks', async () => {
    await allow([...WRITER, 's3:PutObjectRetention', 's3:BypassGovernanceRetention']);
    expect(await ask(server.readerCredentials)).toMatchObject({ canDelete: { known: true, value: false }, canShortenLock: { known: true, value: true } });
  });

  it('finds that it is the very one that we have', async () => {
    const rights = await ask(await readFile(server.credentialsFile, 'utf8'));
    expect(rights).toMatchObject({ isSame: { known: true, value: true }, canDelete: { known: true, value: true } });
  });

  it('says that it cannot tell of one that may not even list', async () => {
    await allow(['s3:PutObject']);
    expect(await ask(server.readerCredentials)).toMatchObject({ canDelete: { known: false }, canShortenLock: { known: false } });
  });

  it('says that it cannot tell of one that the server does not know, without showing it', async () => {
    const rights = await ask('[default]\naws_access_key_id=nobody\naws_secret_access_key=hidden-value\n');
    expect(rights).toMatchObject({ isSame: { known: true, value: false }, canDelete: { known: false } });
    expect(JSON.stringify(rights)).not.toContain('hidden-value');
  });

  it('has neither written nor deleted anything', async () => {
    await allow(WRITER);
    const before = JSON.stringify((await versions()).Versions);
    await ask(server.readerCredentials);
    await ask(await readFile(server.credentialsFile, 'utf8'));
    const { Versions, DeleteMarkers = [] } = await versions();
    expect(JSON.stringify(Versions)).toBe(before);
    expect(DeleteMarkers).toEqual([]);
  });
});
