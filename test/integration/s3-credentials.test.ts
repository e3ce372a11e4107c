import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProcesses } from '../../src/adapters/process/host-processes.ts';
import { createObjectStores } from '../../src/adapters/s3/s3-object-stores.ts';
import { createSecretFiles } from '../../src/adapters/secrets/secret-files.ts';
import type { ObjectStoreRef } from '../../src/ports/object-store.ts';
import { type S3Proxy, type S3ProxyRequest, startS3Proxy } from '../support/s3-proxy.ts';
import { type S3Server, startVersitygw } from './s3-servers.ts';
import { missingServers, temporaryFolder } from './servers.ts';

const missing = missingServers(['versitygw']);
const KEYS = { accessKeyId: 'contract-access', secretAccessKey: 'contract-secret' };
const WRONG = { AWS_ACCESS_KEY_ID: 'nobody', AWS_SECRET_ACCESS_KEY: 'nothing' };
const PART = 16 * 1024 * 1024;

interface Source {
  readonly env?: Readonly<Record<string, string>>;
  readonly ref?: Partial<ObjectStoreRef>;
}

describe.skipIf(missing.length > 0)(`identity and region towards S3${missing.length > 0 ? ' (skipped: versitygw not built)' : ''}`, { timeout: 60_000 }, () => {
  let folder: AsyncDisposable & { readonly path: string };
  let server: S3Server;
  let proxy: S3Proxy;
  const seen: S3ProxyRequest[] = [];
  const signal = () => AbortSignal.timeout(30_000);
  const file = (name: string): string => join(folder.path, name);

  beforeAll(async () => {
    folder = await temporaryFolder('s3-credentials');
    server = await startVersitygw(folder.path);
    proxy = await startS3Proxy(server.endpoint);
    await server.put('backups/x', new TextEncoder().encode('x'));
    const keys = `aws_access_key_id=${KEYS.accessKeyId}\naws_secret_access_key=${KEYS.secretAccessKey}\n`;
    await writeFile(file('profiles'), `[default]\naws_access_key_id=nobody\naws_secret_access_key=nothing\n[recovery]\n${keys}`);
    const answer = JSON.stringify({ Version: 1, AccessKeyId: KEYS.accessKeyId, SecretAccessKey: KEYS.secretAccessKey });
    await writeFile(file('answer.json'), answer);
    await writeFile(file('config'), `[profile asked]\ncredential_process = cat ${file('answer.json')}\n`);
  }, 60_000);
  beforeEach(() => {
    for (const name of Object.keys(process.env).filter((one) => one.startsWith('AWS_'))) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, file('not-there'));
    proxy.intervene((request) => void seen.push(request));
    seen.length = 0;
  });
  afterEach(() => vi.unstubAllEnvs());
  afterAll(async () => {
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Lists by what the plan names and what the operator's shell has. */
  const listed = async ({ env = {}, ref = {} }: Source): Promise<readonly string[]> => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    await using stores = createObjectStores({ secrets: createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) }) });
    const store = await stores.open({ bucket: server.bucket, endpoint: proxy.endpoint, ...ref });
    return (await store.list({ prefix: 'backups/', signal: signal() })).objects.map(({ key }) => key);
  };

  it.each<[string, () => Source]>([
    ['the environment', () => ({ env: { AWS_ACCESS_KEY_ID: KEYS.accessKeyId, AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey } })],
    ['a profile that the environment names', () => ({ env: { AWS_SHARED_CREDENTIALS_FILE: file('profiles'), AWS_PROFILE: 'recovery' } })],
    [
      'the profile that the plan names, whatever the environment has',
      () => ({ env: { AWS_SHARED_CREDENTIALS_FILE: file('profiles'), ...WRONG }, ref: { profile: 'recovery' } }),
    ],
    ['a program that the profile names', () => ({ env: { AWS_CONFIG_FILE: file('config') }, ref: { profile: 'asked' } })],
    ['credentials of the plan, whatever the environment has', () => ({ env: WRONG, ref: { credentials: { file: server.credentialsFile } } })],
    ['a profile within credentials of the plan', () => ({ env: WRONG, ref: { credentials: { file: file('profiles') }, profile: 'recovery' } })],
  ])('signs with %s', async (_, source) => {
    expect(await listed(source())).toEqual(['backups/x']);
  });

  it('signs with the identity that a machine or a container is given, where nothing else is named', async () => {
    const asked: (string | undefined)[] = [];
    const identity = createServer(({ url, headers }, reply) => {
      asked.push(`${url ?? ''} ${headers.authorization ?? ''}`);
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      reply.end(JSON.stringify({ AccessKeyId: KEYS.accessKeyId, SecretAccessKey: KEYS.secretAccessKey, Token: '', Expiration }));
    }).listen(0, '127.0.0.1');
    await once(identity, 'listening');
    const uri = `http://127.0.0.1:${(identity.address() as AddressInfo).port}/role`;
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'of the pod' };
    expect(await listed({ env })).toEqual(['backups/x']);
    expect(asked).toEqual(['/role of the pod']);
    identity.close();
  });

  it('says that there are no credentials anywhere, and asks nobody', async () => {
    await expect(listed({})).rejects.toMatchObject({
      code: 'S3_FAILED',
      details: { code: 'CredentialsProviderError' },
      suggestions: [expect.stringContaining('`profile` or `credentials`')],
    });
    expect(seen).toEqual([]);
  });

  it('signs for the region of the plan; one that is wrong is told as such', async () => {
    const credentials = { file: server.credentialsFile };
    expect(await listed({ ref: { credentials, region: 'us-east-1' }, env: { AWS_REGION: 'eu-north-1' } })).toEqual(['backups/x']);
    await expect(listed({ ref: { credentials, region: 'eu-north-1' } })).rejects.toMatchObject({
      code: 'S3_FAILED',
      suggestions: [expect.stringContaining('region')],
    });
    expect(seen.map(({ headers }) => /\/([a-z0-9-]+)\/s3\/aws4_request/.exec(headers.authorization ?? '')?.[1])).toEqual(['us-east-1', 'eu-north-1']);
  });

  describe('checksums and path style', () => {
    const stored = async (ref: Partial<ObjectStoreRef>, key: string): Promise<void> => {
      await using stores = createObjectStores({ secrets: createSecretFiles({ env: {}, processes: createProcesses({ env: {} }) }) });
      const store = await stores.open({ bucket: server.bucket, credentials: { file: server.credentialsFile }, ...ref });
      async function* content() {
        for (const size of [PART, 100]) yield new Uint8Array(size).fill(1);
      }
      expect(await store.putNew(key, content(), signal())).toBe(true);
      expect((await store.head(key, signal()))?.sizeBytes).toBe(PART + 100);
      expect((await store.read('backups/x', { maxBytes: 10, signal: signal() }))?.length).toBe(1);
    };
    const extras = (): readonly string[] =>
      seen.flatMap(({ method, headers }) =>
        Object.entries(headers)
          .filter(([name, value]) => /^x-amz-(checksum|sdk-checksum|trailer)/.test(name) || (name === 'content-encoding' && value !== undefined))
          .map(([name]) => `${method} ${name}`),
      );

    it('a server other than AWS is sent no checksum that it has not asked for, and the bucket in the path, by whatever name it has', async () => {
      await stored({ endpoint: proxy.endpoint.replace('127.0.0.1', 'localhost') }, 'parts/elsewhere');
      expect(new Set(seen.map(({ method }) => method))).toEqual(new Set(['PUT', 'POST', 'HEAD', 'GET']));
      expect(extras()).toEqual([]);
      expect(seen.filter(({ path }) => !path.startsWith(`/${server.bucket}/`)).map(({ path }) => path)).toEqual([]);
    });

    it('AWS, which is a store without an endpoint, is sent what the SDK adds by itself', async () => {
      for (const [name, value] of Object.entries({ AWS_ENDPOINT_URL_S3: proxy.endpoint, AWS_REGION: 'us-east-1' })) vi.stubEnv(name, value);
      await stored({}, 'parts/aws');
      expect(extras()).toEqual(expect.arrayContaining([expect.stringMatching(/^PUT x-amz-/), 'GET x-amz-checksum-mode']));
    });
  });
});
