import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessReader } from '../../../../src/adapters/kube/kubeconfig.ts';
import { DrError } from '../../../../src/errors/dr-error.ts';
import { Secret, withoutSecrets } from '../../../../src/model/secret.ts';
import { crashText, errorJson } from '../../../../src/report/error-text.ts';

const text = (more: { readonly user?: object; readonly cluster?: object; readonly current?: string } = {}) =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': more.current ?? 'one',
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u' } },
      { name: 'two', context: { cluster: 'd', user: 'u' } },
      { name: 'half', context: { cluster: 'gone', user: 'u' } },
    ],
    clusters: [
      { name: 'c', cluster: { server: 'https://one.example:6443/', ...more.cluster } },
      { name: 'd', cluster: { server: 'https://two.example/base' } },
    ],
    users: [{ name: 'u', user: { token: 'token-1', ...more.user } }],
  });

describe('accessReader', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-dr-kubeconfig-'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  const inMemory = async (content: string, context?: string) =>
    accessReader({ kubeconfig: new Secret(content), ...(context === undefined ? {} : { context }) }, {})();

  it('reads server, token and trust of the current context or the one named', async () => {
    const ca = Buffer.from('authority').toString('base64');
    const one = await inMemory(text({ cluster: { 'certificate-authority-data': ca, 'tls-server-name': 'inner' } }));
    expect(one).toMatchObject({ server: 'https://one.example:6443', headers: { authorization: 'Bearer token-1' }, changing: false });
    expect(one.dispatcher).toMatchObject({ type: 'agent', connect: { ca: Buffer.from('authority'), servername: 'inner' } });
    expect((await inMemory(text(), 'two')).server).toBe('https://two.example/base');
  });

  it('reads files relative to the kubeconfig, passwords, impersonation and proxies', async () => {
    await writeFile(join(folder, 'ca.crt'), 'from-file');
    await writeFile(
      join(folder, 'config'),
      text({ cluster: { 'certificate-authority': 'ca.crt', 'proxy-url': 'http://proxy.example:3128' }, user: { as: 'somebody' } }),
    );
    const access = await accessReader({ kubeconfigPath: join(folder, 'config') }, {})();
    expect(access.dispatcher).toMatchObject({ type: 'proxy', uri: 'http://proxy.example:3128', requestTls: { ca: Buffer.from('from-file') } });
    expect(access.headers).toMatchObject({ 'impersonate-user': 'somebody' });
    const basic = await inMemory(text({ user: { token: undefined, username: 'a', password: 'b' } }));
    expect(basic.headers).toEqual({ authorization: `Basic ${Buffer.from('a:b').toString('base64')}` });
  });

  it('finds the file by a variable, `~/` included, and reads it anew each time', async () => {
    const path = join(folder, 'by-env');
    await writeFile(path, text());
    const read = accessReader({ kubeconfigEnv: 'SOME_KUBECONFIG' }, { SOME_KUBECONFIG: path });
    expect((await read()).headers['authorization']).toBe('Bearer token-1');
    await writeFile(path, text({ user: { token: 'token-2' } }));
    expect((await read()).headers['authorization']).toBe('Bearer token-2');
  });

  it('asks a credential plugin, and knows that its answer changes', async () => {
    const credential = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'from-plugin' } });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/echo', args: [credential] };
    const access = await inMemory(text({ user: { token: undefined, exec } }));
    expect(access).toMatchObject({ headers: { authorization: 'Bearer from-plugin' }, changing: true });
    const failing = { ...exec, command: '/bin/sh', args: ['-c', 'echo log in first >&2; exit 1'] };
    await expect(inMemory(text({ user: { token: undefined, exec: failing } }))).rejects.toMatchObject({
      code: 'KUBE_UNAUTHORIZED',
      message: expect.stringContaining('log in first'),
    });
  });

  it('says nothing of what a credential plugin printed or was given', async () => {
    const variable = 'variable-that-nobody-may-see';
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/sh', env: [{ name: 'GIVEN_TOKEN', value: variable }] };
    const failure = async (script: string) =>
      await inMemory(text({ user: { token: undefined, exec: { ...exec, args: ['-c', script] } } })).catch((reason: unknown) => reason);
    const refused = await failure('echo "no session for $GIVEN_TOKEN" >&2; exit 1');
    expect(errorJson(refused as DrError)).toMatchObject({ message: expect.stringContaining('no session for [redacted]') });
    const odd = await failure('echo "token $GIVEN_TOKEN"');
    expect(odd).toMatchObject({ code: 'KUBE_UNAUTHORIZED', message: expect.stringMatching(/prints something that is not JSON$/) });
    for (const error of [refused, odd]) expect(crashText(error as DrError)).not.toMatch(/variable-that|token var/);
  });

  it.each([
    [
      'in a file',
      async (key: string) => {
        await writeFile(join(folder, 'client.key'), key);
        return { 'client-key': join(folder, 'client.key') };
      },
    ],
    ['in the kubeconfig', async (key: string) => ({ 'client-key-data': Buffer.from(key).toString('base64') })],
  ])('has the lines of a client key %s kept out of errors', async (where, userOf) => {
    const line = Buffer.from(`a line of the key ${where}`).toString('base64');
    await inMemory(text({ user: { token: undefined, ...(await userOf(`-----BEGIN PRIVATE KEY-----\n${line}\n-----END PRIVATE KEY-----\n`)) } }));
    expect(withoutSecrets(`bad key: ${line}`)).toBe('bad key: [redacted]');
  });

  it('has a password kept out of errors, in its header too', async () => {
    const { headers } = await inMemory(text({ user: { token: undefined, username: 'admin', password: 'staging-db' } }));
    expect(withoutSecrets(`sent ${headers['authorization']}`)).toBe('sent Basic [redacted]');
  });

  it('says what a credential plugin was told of profiles and places', async () => {
    const env = [
      ['AWS_PROFILE', 'Production_of_all'],
      ['AWS_PROFILE_SHORT', 'production'],
      ['AWS_WEB_IDENTITY_TOKEN_FILE', '/run/Some/identity-token'],
      ['GOOGLE_APPLICATION_CREDENTIALS', '/etc/Some/credentials.json'],
    ].map(([name, value]) => ({ name, value }));
    const said = env.map(({ value }) => value).join(' ');
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/sh', args: ['-c', `echo "not in ${said}" >&2; exit 1`], env };
    await expect(inMemory(text({ user: { token: undefined, exec } }))).rejects.toMatchObject({ message: expect.stringContaining(said) });
    const error = new DrError({ code: 'RUN_LOCKED', message: said, suggestions: ['lattice-dr resume us-east-production-20261130T091500Z-0af3'] });
    expect(error).toMatchObject({ message: said, suggestions: ['lattice-dr resume us-east-production-20261130T091500Z-0af3'] });
  });

  it.each([
    ['a context that does not exist', text({ current: 'three' }), /no context "three" \(it has: one, two, half\)/],
    ['a context without a cluster', text({ current: 'half' }), /no cluster/],
    ['a server that is no URL', text({ cluster: { server: 'nowhere' } }), /no cluster with a server URL/],
    ['text that is no YAML', 'a: [', /cannot be parsed/],
    ['an empty file', '', /cannot be parsed|no context/],
    ['a parameter that would be ignored', text({ user: { 'as-groups': ['admins'] } }), /as-groups/],
  ])('refuses %s', async (_, content, message) => {
    await expect(inMemory(content)).rejects.toMatchObject({ code: 'KUBECONFIG_INVALID', message: expect.stringMatching(message) });
  });

  it('never repeats what is in the file', async () => {
    const error = await inMemory('users: [{name: u, user: {token: sensitive-value').catch((reason: unknown) => reason);
    expect(String(error)).not.toContain('sensitive-value');
  });

  it('names the variable or file that is missing', async () => {
    await expect(accessReader({ kubeconfigEnv: 'UNSET_KUBECONFIG' }, {})()).rejects.toMatchObject({
      code: 'KUBECONFIG_INVALID',
      message: expect.stringContaining('UNSET_KUBECONFIG'),
    });
    await expect(accessReader({ kubeconfigPath: `${folder}/absent` }, {})()).rejects.toMatchObject({
      code: 'KUBECONFIG_INVALID',
      message: expect.stringContaining('absent'),
    });
  });
});
