import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerifiedSnapshot } from '../../src/operations/verify-snapshot.ts';
import { startCli } from '../support/cli.ts';
import { findServer, type KubeServers, missingServers, startKube, temporaryFolder } from './servers.ts';

const missing = missingServers(['etcd', 'etcdutl', 'etcdctl', 'kube-apiserver', 'kubectl']);
const BINARIES = dirname(findServer('etcdutl') ?? '');
const run = promisify(execFile);

const KEYS = { cbc: randomBytes(32), gcm: randomBytes(16), box: randomBytes(32), other: randomBytes(32) };
const keyOf = (key: Buffer, name = 'key1') => ({ keys: [{ name, secret: key.toString('base64') }] });
const sound = [
  { resources: ['secrets'], providers: [{ aescbc: keyOf(KEYS.cbc) }, { identity: {} }] },
  { resources: ['configmaps'], providers: [{ aesgcm: keyOf(KEYS.gcm) }, { identity: {} }] },
  { resources: ['serviceaccounts'], providers: [{ secretbox: keyOf(KEYS.box, 'box') }, { identity: {} }] },
];
type Rules = readonly { readonly resources: readonly string[]; readonly providers: readonly object[] }[];

describe.skipIf(missing.length > 0)(`encryption at rest of a real API server${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not built)` : ''}`, () => {
  const cleanUp = new AsyncDisposableStack();
  let folder = '';
  let servers: KubeServers;
  let snapshot = '';

  const config = (rules: Rules): string => JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources: rules });
  const plan = async (name: string, controlPlane: object): Promise<string> => {
    const path = join(folder, `${name}.yaml`);
    const spec = {
      cluster: { name: 'east', parent: { kubeconfig: { env: 'PARENT' } }, latticeImage: 'example.com/lattice:1' },
      specs: { git: { repository: 'https://example.com/specs.git', ref: 'main', paths: ['.'] }, profile: 'kubernetes' },
      objectives: { rto: '1h', rpo: '1h' },
      controlPlane: { distribution: 'kubeadm', nodes: [{ name: 'cp-1', address: '10.0.0.1' }], ...controlPlane },
    };
    await writeFile(path, JSON.stringify({ apiVersion: 'dr.lattice.dev/v1alpha1', kind: 'RecoveryPlan', metadata: { name: 'east' }, spec }));
    return path;
  };
  const planWith = async (name: string, rules: Rules): Promise<string> => {
    await writeFile(join(folder, `${name}-keys.json`), config(rules), { mode: 0o600 });
    return await plan(name, { encryption: { file: `${name}-keys.json` } });
  };
  async function verify(...args: readonly string[]): Promise<VerifiedSnapshot & { readonly text: string }> {
    const { stdout, stderr } = await startCli(['etcd', 'snapshot', 'verify', snapshot, ...args, '--binaries', BINARIES, '--json'], {
      env: { ...process.env, HOME: folder, TMPDIR: folder },
    }).ended;
    expect(stdout, stderr).toMatch(/^\{/);
    return { ...(JSON.parse(stdout) as VerifiedSnapshot), text: stdout + stderr };
  }
  const level = (verified: VerifiedSnapshot, name: string) => verified.levels.find((one) => one.level === name);
  const kubectl = async (...args: readonly string[]) => await run(findServer('kubectl') ?? '', ['--kubeconfig', servers.kubeconfigPath, ...args]);

  /** Authorities of the cluster, as Cluster API keeps them. */
  async function keepAuthorities(): Promise<void> {
    for (const name of ['ca', 'etcd', 'proxy']) {
      const [key, crt] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
      await run('openssl', [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        key,
        '-out',
        crt,
        '-days',
        '30',
        '-subj',
        `/CN=${name}`,
      ]);
    }
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    await writeFile(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
    await writeFile(join(folder, 'sa.crt'), publicKey.export({ type: 'spki', format: 'pem' }));
    for (const name of ['ca', 'etcd', 'proxy', 'sa'])
      await kubectl(
        'create',
        'secret',
        'generic',
        `east-${name}`,
        '--type',
        'cluster.x-k8s.io/secret',
        `--from-file=tls.crt=${join(folder, `${name}.crt`)}`,
        `--from-file=tls.key=${join(folder, `${name}.key`)}`,
      );
  }

  beforeAll(async () => {
    folder = cleanUp.use(await temporaryFolder('etcd-encryption')).path;
    const path = join(folder, 'encryption.yaml');
    await writeFile(path, config(sound), { mode: 0o600 });
    servers = cleanUp.use(await startKube(folder, ['--encryption-provider-config', path]));
    await keepAuthorities();
    await kubectl('create', 'configmap', 'sealed', '--from-literal=a=b');
    await kubectl('create', 'serviceaccount', 'sealed');
    snapshot = join(folder, 'east.db');
    const { code, stdout } = await startCli(
      ['etcd', 'snapshot', 'take', snapshot, '--endpoint', servers.etcdUrl, '--plan', await planWith('sound', sound), '--binaries', BINARIES, '--json'],
      {
        env: { ...process.env, HOME: folder, TMPDIR: folder },
      },
    ).ended;
    expect(code, stdout).toBe(0);
  });
  afterAll(async () => await cleanUp.disposeAsync());

  it('values of every provider open with the keys that the plan names', async () => {
    const verified = await verify('--plan', join(folder, 'sound.yaml'));
    expect(level(verified, 'L5')).toMatchObject({ state: 'proven', reason: expect.stringContaining('configmaps, secrets, serviceaccounts') });
    expect(verified.manifest?.encryption).toEqual(['aescbc:v1:key1', 'aesgcm:v1:key1', 'secretbox:v1:box']);
  });

  it('without keys it is not checked', async () => {
    expect(level(await verify(), 'L5')).toMatchObject({ state: 'not checked', reason: expect.stringContaining('no EncryptionConfiguration') });
  });

  const [secrets, configmaps, accounts] = sound as unknown as [Rules[number], Rules[number], Rules[number]];
  const wrong: readonly { readonly name: string; readonly rules: Rules; readonly says: RegExp }[] = [
    {
      name: 'another aescbc key of the name',
      rules: [{ ...secrets, providers: [{ aescbc: keyOf(KEYS.other) }] }, configmaps, accounts],
      says: /aescbc:v1 has a key key1 for secrets, and it is another one/,
    },
    {
      name: 'another aesgcm key of the name',
      rules: [secrets, { ...configmaps, providers: [{ aesgcm: keyOf(KEYS.other) }] }, accounts],
      says: /aesgcm:v1 has a key key1 for configmaps, and it is another one/,
    },
    {
      name: 'another secretbox key of the name',
      rules: [secrets, configmaps, { ...accounts, providers: [{ secretbox: keyOf(KEYS.other, 'box') }] }],
      says: /secretbox:v1 has a key box for serviceaccounts, and it is another one/,
    },
    {
      name: 'the key under another name',
      rules: [{ ...secrets, providers: [{ aescbc: keyOf(KEYS.cbc, 'key2') }] }, configmaps, accounts],
      says: /aescbc:v1 is configured for secrets without a key key1/,
    },
    {
      name: 'the key for another provider',
      rules: [{ ...secrets, providers: [{ secretbox: keyOf(KEYS.cbc) }] }, configmaps, accounts],
      says: /no provider aescbc:v1 is configured for secrets/,
    },
    { name: 'the key for another resource', rules: [configmaps, accounts], says: /no provider aescbc:v1 is configured for secrets/ },
  ];
  it.each(wrong)('$name is told as what it is', async ({ name, rules, says }) => {
    const verified = await verify('--plan', await planWith(name.replaceAll(' ', '-'), rules));
    expect(level(verified, 'L5')).toMatchObject({ state: 'failed', reason: expect.stringMatching(says) });
    expect(verified.verdict).toBe('bad');
  });

  it('a key of a service cannot be checked', async () => {
    const put = ['--endpoints', servers.etcdUrl, 'put', '/registry/secrets/default/kms', 'k8s:enc:kms:v2:vault:0123456789'];
    await run(join(BINARIES, 'etcdctl'), put);
    const path = join(folder, 'kms.db');
    const { stdout } = await startCli(
      ['etcd', 'snapshot', 'take', path, '--endpoint', servers.etcdUrl, '--plan', join(folder, 'sound.yaml'), '--binaries', BINARIES, '--json'],
      {
        env: { ...process.env, HOME: folder, TMPDIR: folder },
      },
    ).ended;
    expect(level(JSON.parse(stdout) as VerifiedSnapshot, 'L5')).toMatchObject({ state: 'not checked', reason: expect.stringContaining('kms:v2:vault') });
  });

  it('authorities that only the snapshot holds are decoded from it, and told to be kept outside', async () => {
    const { keys = [], manifest } = await verify('--plan', join(folder, 'sound.yaml'));
    expect(keys.map(({ kept }) => kept)).toEqual(['in the snapshot', 'in the snapshot', 'in the snapshot', 'in the snapshot', 'outside']);
    const der = Buffer.from((await readFile(join(folder, 'ca.crt'), 'utf8')).replaceAll(/-----.*-----|\n/g, ''), 'base64');
    expect(manifest?.authorities?.find(({ name }) => name === 'ca')).toEqual({
      cluster: 'default/east',
      name: 'ca',
      sha256: createHash('sha256').update(der).digest('hex'),
    });
  });

  it('a folder of the authorities is taken for what it holds: kept, missing a key, of another cluster', async () => {
    const pki = join(folder, 'pki');
    await run('sh', [
      '-c',
      `mkdir -p ${pki}/etcd && cp ${folder}/ca.crt ${folder}/ca.key ${pki} && cp ${folder}/etcd.crt ${pki}/etcd/ca.crt && cp ${folder}/sa.crt ${pki}/sa.pub && cp ${folder}/ca.key ${pki}/sa.key`,
    ]);
    const path = await plan('kept', { encryption: { file: 'sound-keys.json' }, pki: { folder: 'pki' } });
    const { keys = [], text } = await verify('--plan', path);
    expect(keys.map(({ kept }) => kept)).toEqual(['outside', 'in the snapshot', 'in the snapshot', 'in the snapshot', 'outside']);
    await run('cp', [join(folder, 'proxy.crt'), join(pki, 'ca.crt')]);
    const foreign = await verify('--plan', path);
    expect(level(foreign, 'L6')).toMatchObject({ state: 'failed', reason: expect.stringContaining('not those that are kept for east') });
    for (const secret of [KEYS.cbc, KEYS.gcm, KEYS.box]) expect(text + foreign.text).not.toContain(secret.toString('base64'));
    expect(text + foreign.text).not.toContain('PRIVATE KEY');
  });
});
