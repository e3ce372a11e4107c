import { createCipheriv, hkdfSync, scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { encryptForTest } from '../../fakes/memory-secret-files.ts';
import { core, encoded, lattice, PLAN_SPECS, platformCluster, yaml } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';
import { bucketWith, sealAll } from './velero-bucket.ts';

const NAME = 'lattice-daily-20260301020000';
const OWN = lattice('LatticeCluster', 'workload', { spec: { providerRef: 'lab', latticeImage: 'registry.invalid/lattice:1' } });
const STORE = lattice('BackupStore', 'lattice-system/main', { spec: { storage: { cloudProviderRef: 'aws', s3: { bucket: 'backups' } } } });
const CREDENTIALS = core('Secret', 'velero/velero-credentials-aws', encoded({ cloud: 'of velero' }));
const SECTION = { store: 'main', bucket: 'backups', clusterBackup: 'daily' };
const passwordSecret = (password: string) => core('Secret', 'velero/velero-repo-credentials', encoded({ 'repository-password': password }));

/** A repository that the password opens; derived quickly, as no real one is. */
function repository(password = 'original'): string {
  const salt = Buffer.alloc(32, 7);
  const master = scryptSync(password, salt, 32, { N: 1024, r: 8, p: 1 });
  const key = (purpose: string) => Buffer.from(hkdfSync('sha256', master, salt, purpose, 32));
  const nonce = Buffer.alloc(12, 1);
  const cipher = createCipheriv('aes-256-gcm', key('AES'), nonce).setAAD(key('CHECKSUM'));
  const sealed = Buffer.concat([nonce, cipher.update('{}'), cipher.final(), cipher.getAuthTag()]).toString('base64');
  return JSON.stringify({ uniqueID: salt.toString('base64'), keyAlgo: 'scrypt-1024-8-1', encryption: 'AES256_GCM', encryptedBlockFormat: sealed });
}

interface Given {
  readonly bucket?: ReturnType<typeof bucketWith>;
  readonly originals?: readonly KubeObject[];
  readonly input?: JsonObject;
  readonly specs?: readonly KubeObject[];
}

async function preflight({
  bucket = bucketWith({ name: NAME }),
  originals = [CREDENTIALS],
  input = {},
  specs = [OWN, STORE],
}: Given): Promise<{ readonly result: RunResult; readonly told: string }> {
  const bench = new StepBench({ clusters: { 'ours.yaml': platformCluster() }, files: { 'specs.yaml': yaml(...specs) }, buckets: [bucket] });
  bench.secretFiles.files.set('dr.txt', 'identity');
  bench.secretFiles.files.set('originals.age', new TextDecoder().decode(encryptForTest(yaml(...originals), 'identity')));
  const given = {
    cluster: { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'ours.yaml' } } },
    specs: PLAN_SPECS,
    commit: bench.commit,
    secrets: [{ groups: ['velero'], from: { age: 'originals.age', identity: { file: 'dr.txt' } } }],
    backups: [SECTION],
    objectives: { rto: '40m', rpo: '3h' },
  };
  for (const store of ['main', 'copy']) await sealAll(bench, { store, bucket: 'backups' });
  const result = await bench.run('preflight/check', { ...given, ...input }, { time: 'stands' });
  return { result, told: JSON.stringify(await bench.journal()) };
}

describe('preflight looks whether Velero could use the stores', () => {
  it('and says what it found', async () => {
    const { result, told } = await preflight({});
    expect(result.error).toBeUndefined();
    for (const words of ['the credentials of Velero may write', "nothing but Velero's own", 'is in no other store', 'lies in a repository'])
      expect(told).toContain(words);
  });

  it.each<[string, Given & { readonly code: string; readonly kind: string; readonly words: string }]>([
    ...['gcs', 'azure'].map((provider): [string, Given & { readonly code: string; readonly kind: string; readonly words: string }] => [
      `a store of provider ${provider}, for which the platform ships no plugin`,
      {
        specs: [OWN, lattice('BackupStore', 'lattice-system/main', { spec: { storage: { provider, cloudProviderRef: 'aws' } } })],
        code: 'BACKUP_STORE_NOT_USABLE',
        kind: 'precondition',
        words: `BackupStore 'main' is of provider ${provider}, and the platform installs no Velero plugin for it`,
      },
    ]),
    [
      'a plan whose section is of another provider than the store in git',
      {
        input: { backups: [{ ...SECTION, provider: 'gcs' }] },
        code: 'BACKUP_STORE_NOT_USABLE',
        kind: 'precondition',
        words: "BackupStore 'main' is of provider gcs, and the platform installs no Velero plugin for it",
      },
    ],
    [
      'credentials of Velero that may only read',
      {
        bucket: withReader('of velero'),
        code: 'BACKUP_STORE_NOT_USABLE',
        kind: 'precondition',
        words: 'give velero/velero-credentials-aws the right to put objects below lattice-main/restores/',
      },
    ],
    [
      'a folder that is not of Velero',
      {
        bucket: withFile('lattice-main/notes/readme.txt'),
        code: 'BACKUP_STORE_NOT_USABLE',
        kind: 'precondition',
        words: "holds 'notes', which Velero does not know",
      },
    ],
    [
      'only backups of another cluster',
      {
        bucket: bucketWith({ name: NAME, clusters: ['other'] }),
        code: 'BACKUP_NOT_USABLE',
        kind: 'precondition',
        words: 'it holds LatticeCluster other and not workload',
      },
    ],
    [
      'a store that git does not have',
      { specs: [OWN], code: 'BACKUP_STORE_NOT_USABLE', kind: 'precondition', words: 'have no BackupStore of that name (they have none)' },
    ],
    [
      'credentials of Velero that no source holds',
      {
        originals: [passwordSecret('original')],
        code: 'SECRET_SOURCE_MISSING',
        kind: 'precondition',
        words: 'needs Secret velero/velero-credentials-aws (key cloud)',
      },
    ],
    [
      'one name in two stores',
      {
        // What else is wrong does not count: a plan like this has to be mended first.
        bucket: bucketWith({ name: NAME, method: 'PodVolumeBackup' }, { name: NAME, store: 'copy' }),
        input: { backups: [SECTION, { ...SECTION, store: 'copy' }] },
        code: 'BACKUP_NAME_TWICE',
        kind: 'invalid',
        words: `stores 'main' and 'copy' of the plan both hold a backup '${NAME}'`,
      },
    ],
    [
      'no password of the repositories',
      {
        bucket: withRepository(),
        code: 'SECRET_SOURCE_MISSING',
        kind: 'precondition',
        words:
          'no source of the plan holds the password of the repository at s3://backups/lattice-main/kopia/shop/kopia.repository (velero/velero-repo-credentials',
      },
    ],
    [
      'a password that does not open the repositories',
      {
        bucket: withRepository(),
        originals: [CREDENTIALS, passwordSecret('static-passw0rd')],
        code: 'SECRET_SOURCE_MISSING',
        kind: 'precondition',
        words: 'does not open the repository at s3://backups/lattice-main/kopia/shop/kopia.repository',
      },
    ],
    [
      'a repository that is not there',
      {
        bucket: bucketWith({ name: NAME, method: 'PodVolumeBackup' }),
        originals: [CREDENTIALS, passwordSecret('original')],
        code: 'BACKUP_NOT_USABLE',
        kind: 'precondition',
        words: 'there is no repository at',
      },
    ],
  ])('and stops at %s', async (_, { code, kind, words, ...given }) => {
    const { error } = (await preflight(given)).result;
    expect(error).toMatchObject({ code, kind });
    expect([error?.message, ...(error?.suggestions ?? [])].join('\n')).toContain(words);
  });

  it('takes the newest backup of its own cluster, and a password that opens its repositories', async () => {
    const bucket = bucketWith(
      { name: NAME, method: 'PodVolumeBackup', clusters: ['workload', 'child'] },
      { name: 'lattice-daily-20260301023000', clusters: ['other'] },
    );
    bucket.put('lattice-main/kopia/shop/kopia.repository', repository());
    const { result, told } = await preflight({ bucket, originals: [CREDENTIALS, passwordSecret('original\n')] });
    expect(stepOf(result).outputs).toMatchObject({ recoveryPoints: [{ name: NAME }] });
    expect(told).toContain('the password opens the repository of shop');
  });

  it('needs no source where the lost cluster had the password that every Velero makes up', async () => {
    const bucket = bucketWith({ name: NAME, method: 'PodVolumeBackup' });
    bucket.put('lattice-main/kopia/shop/kopia.repository', repository('static-passw0rd'));
    const { result, told } = await preflight({ bucket });
    expect(result.error).toBeUndefined();
    expect(told).toContain('the password that Velero makes up by itself opens the repository of shop');
  });

  it('tells what it could not try', async () => {
    const { result, told } = await preflight({ originals: [], specs: [OWN, lattice('BackupStore', 'lattice-system/main', { spec: { storage: {} } })] });
    expect(result.error).toBeUndefined();
    expect(told).toContain('Velero uses the identity of its machines, so it was not tried');
  });
});

function withFile(key: string): ReturnType<typeof bucketWith> {
  const bucket = bucketWith({ name: NAME });
  bucket.put(key, 'content');
  return bucket;
}

function withReader(credentials: string): ReturnType<typeof bucketWith> {
  const bucket = bucketWith({ name: NAME });
  bucket.readers.add(credentials);
  return bucket;
}

function withRepository(): ReturnType<typeof bucketWith> {
  const bucket = bucketWith({ name: NAME, method: 'PodVolumeBackup' });
  bucket.put('lattice-main/kopia/shop/kopia.repository', repository());
  return bucket;
}
