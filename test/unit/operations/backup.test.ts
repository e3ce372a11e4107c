import { beforeEach, describe, expect, it } from 'vitest';
import { DrError } from '../../../src/errors/dr-error.ts';
import { listBackups } from '../../../src/operations/backup-list.ts';
import { sealBackup } from '../../../src/operations/backup-seal.ts';
import type { BackupTools } from '../../../src/operations/backup-tools.ts';
import { showBackup, verifyBackup } from '../../../src/operations/backup-verify.ts';
import { loadPlan } from '../../../src/operations/prepare-run.ts';
import type { StoreRights } from '../../../src/ports/object-store.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { FakeSignatures } from '../../fakes/fake-signatures.ts';
import { createMemoryObjectStores, MemoryObjectStore } from '../../fakes/memory-object-store.ts';
import { encryptForTest } from '../../fakes/memory-secret-files.ts';
import { keyOf, putWhole } from '../backup/whole-backup.ts';
import { core, encoded, platformCluster, yaml } from '../steps/objects.ts';
import { StepBench } from '../steps/step-harness.ts';

const NAME = 'lattice-daily-20260301020000';

function planText(extra = ''): string {
  return `apiVersion: dr.lattice.dev/v1alpha1
kind: RecoveryPlan
metadata: { name: workload }
spec:
  cluster: { name: workload, provisioner: existing, existing: { kubeconfig: { file: new.yaml } } }
  specs: { git: { repository: specs.git, ref: main } }
  objectives: { rto: 40m, rpo: 90m }
  secrets: [{ groups: [velero], from: { age: originals.age, identity: { file: dr.txt } } }]
  backups:
    - store: main
      bucket: backups
      clusterBackup: daily
      volumeSnapshotLocation: { provider: lattice-dr.dev/directory, config: { bucket: backups, prefix: volumes } }
${extra}`;
}

let bucket: MemoryObjectStore;
let bench: StepBench;
let cluster: FakeKubeCluster;
let tools: BackupTools;

const STORE =
  'apiVersion: lattice.dev/v1alpha1\nkind: BackupStore\nmetadata: { name: main, namespace: lattice-system }\nspec: { storage: { provider: s3, cloudProviderRef: aws, s3: { bucket: backups } } }\n';
const NO = { known: true, value: false } as const;

function toolsFor(extra = '', rights: StoreRights = { isSame: NO, canDelete: NO, canShortenLock: NO }): BackupTools {
  const plan = loadPlan({ file: '/plans/workload.yaml', folder: '/', text: planText(extra) });
  const ports = {
    ...bench.ports,
    objectStores: createMemoryObjectStores([bucket], rights),
    sealSignatures: new FakeSignatures({ '/signers': { 'key-ann': ['ann'] } }),
  };
  return { ports, clock: bench.clock, tool: '1.0.0', signal: new AbortController().signal, store: bench.store, plan };
}

beforeEach(() => {
  bucket = new MemoryObjectStore('backups');
  bucket.versioned = true;
  cluster = platformCluster();
  cluster.put(core('Node', 'n1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'zone-a' } } }));
  cluster.put({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'fast' } });
  bench = new StepBench({ buckets: [bucket], files: { 'specs.yaml': STORE }, clusters: { '/new.yaml': cluster } });
  bench.secretFiles.files.set('/dr.txt', 'identity');
  const secret = core('Secret', 'velero/velero-credentials-aws', encoded({ cloud: '[default]\naws_access_key_id=a\naws_secret_access_key=b\n' }));
  bench.secretFiles.files.set('/originals.age', new TextDecoder().decode(encryptForTest(yaml(secret), 'identity')));
  tools = toolsFor();
});

describe('backup verify', () => {
  it('finds nothing against a whole backup, and says that nothing vouches for it', async () => {
    putWhole(bucket, { name: NAME });
    const details = await verifyBackup({ name: NAME }, tools);
    expect(details.verdict).toEqual({ state: 'unanchored', reasons: [expect.stringContaining('never sealed')], warnings: [] });
    expect(details.error).toMatchObject({ code: 'BACKUP_UNANCHORED', kind: 'precondition' });
    expect(details).toMatchObject({
      completedAt: '2026-03-01T02:00:00Z',
      covers: '1 volume, 2 objects',
      tarball: { objects: 2, entries: 3 },
      volumes: 'not checked',
    });
    expect(details.objects).toHaveLength(11);
    expect(details.objects.every(({ versionId }) => versionId !== undefined)).toBe(true);
  });

  it('of a sealed one that is what it was reads nothing that is large', async () => {
    putWhole(bucket, { name: NAME });
    await sealBackup({ name: NAME }, tools);
    bucket.reads.length = 0;
    const details = await verifyBackup({ name: NAME }, tools);
    expect(details).toMatchObject({ verdict: { state: 'sealed-equal', reasons: [] }, sealedAt: '2026-03-01T03:00:00.000Z', volumes: 'sealed' });
    expect(details.error).toBeUndefined();
    expect(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).toEqual([]);
  });

  it('reads every byte when it is asked to, and where the bucket keeps no versions that would prove anything', async () => {
    putWhole(bucket, { name: NAME });
    await sealBackup({ name: NAME }, tools);
    bucket.reads.length = 0;
    expect((await verifyBackup({ name: NAME, bytes: true }, tools)).verdict.state).toBe('sealed-equal');
    expect(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).toHaveLength(2);

    const plain = new MemoryObjectStore('backups');
    putWhole(plain, { name: NAME });
    const elsewhere = { ...tools, ports: { ...tools.ports, objectStores: new StepBench({ buckets: [plain] }).ports.objectStores } };
    expect((await verifyBackup({ name: NAME }, elsewhere)).verdict.state).toBe('sealed-equal');
    expect(plain.reads.filter((key) => key.endsWith('.tar.gz'))).toHaveLength(2);
  });

  it('says that locks and versions cannot be told, never that there are none', async () => {
    putWhole(bucket, { name: NAME });
    bucket.untold = 'AccessDenied';
    const { verdict, immutability } = await verifyBackup({ name: NAME }, tools);
    expect(immutability).toEqual({ state: 'unknown', reason: 'AccessDenied' });
    expect(verdict.warnings).toEqual(['earlier versions cannot be told: AccessDenied']);
  });

  it('gives the shortest lock of all objects', async () => {
    putWhole(bucket, { name: NAME });
    const { objects } = await verifyBackup({ name: NAME }, tools);
    const keys = objects.map(({ place, key }) => (place === 'volumes' ? `volumes/${key}` : `lattice-main/backups/${NAME}/${key}`));
    for (const key of keys) bucket.locks.set(key, { mode: 'COMPLIANCE', until: '2026-05-01T00:00:00.000Z', legalHold: false });
    bucket.locks.set(keys.at(-1) ?? '', { mode: 'COMPLIANCE', until: '2026-04-01T00:00:00.000Z', legalHold: false });
    expect((await verifyBackup({ name: NAME }, tools)).immutability).toEqual({ state: 'locked', mode: 'COMPLIANCE', until: '2026-04-01T00:00:00.000Z' });
  });

  it('throws what kept it from reading, which is no verdict', async () => {
    putWhole(bucket, { name: NAME });
    bucket.cutAfter.set(keyOf(NAME, '.tar.gz'), 10);
    await expect(verifyBackup({ name: NAME }, tools)).rejects.toMatchObject({ code: 'S3_UNAVAILABLE' });
  });

  it('of a name that is not there is bad', async () => {
    expect((await verifyBackup({ name: 'none' }, tools)).error).toMatchObject({ code: 'BACKUP_BAD' });
  });

  it('asks which store is meant, and says which there are', async () => {
    await expect(verifyBackup({ name: NAME, store: 'other' }, tools)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('it has main') });
  });
});

describe('the cluster that the volumes would come back to', () => {
  const targetWarnings = async (extra = '') => {
    putWhole(bucket, { name: NAME });
    const { findings } = await verifyBackup({ name: NAME }, toolsFor(extra));
    return findings.filter(({ check }) => check === 'target').map(({ message }) => message);
  };

  it('is asked for the zones and classes that the volumes need', async () => {
    cluster.put(core('Node', 'n1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'zone-b' } } }));
    expect(await targetWarnings('  volumes: { storageClasses: { fast: new } }\n')).toEqual([
      expect.stringMatching(/^the volume of shop\/data is in zone zone-a, which the target \S+ does not have \(zone-b\)$/),
      expect.stringMatching(/^its volumes need storage class new, which the target \S+ does not have \(fast\)$/),
    ]);
    expect(await targetWarnings()).toHaveLength(1);
  });

  it('does not answer: that is told, and no verdict changes by it', async () => {
    bench = new StepBench({ buckets: [bucket], files: { 'specs.yaml': STORE } });
    expect(await targetWarnings()).toEqual([
      expect.stringMatching(/^whether the target has what its volumes need \(zone zone-a, storage class fast\) cannot be told: the cluster does not answer: /),
    ]);
    expect((await verifyBackup({ name: NAME }, toolsFor())).verdict.state).toBe('unanchored');
  });
});

describe("the cluster's own credential", () => {
  const warnings = async (rights: Partial<StoreRights>) => {
    putWhole(bucket, { name: NAME });
    const { verdict } = await verifyBackup({ name: NAME }, toolsFor('', { isSame: NO, canDelete: NO, canShortenLock: NO, ...rights }));
    return verdict.warnings;
  };

  it.each<[string, Partial<StoreRights>, RegExp]>([
    ['is the one that we have', { isSame: { known: true, value: true } }, /with the credential that we read them with/],
    ['may delete versions', { canDelete: { known: true, value: true } }, /may delete versions/],
    ['may shorten locks', { canShortenLock: { known: true, value: true } }, /may shorten locks/],
    ['cannot be asked about', { canDelete: { known: false, reason: '405' } }, /cannot be told: 405/],
  ])('is told when it %s', async (_, rights, words) => {
    expect(await warnings(rights)).toEqual([expect.stringMatching(words)]);
  });

  it('is nothing to mention when it is another one and may do neither', async () => {
    expect(await warnings({})).toEqual([]);
  });

  it('that no source holds is told as not known, and no verdict changes by it', async () => {
    putWhole(bucket, { name: NAME });
    bench.secretFiles.files.set(
      '/originals.age',
      new TextDecoder().decode(encryptForTest(yaml(core('Secret', 'velero/other', encoded({ a: 'b' }))), 'identity')),
    );
    const { verdict } = await verifyBackup({ name: NAME }, tools);
    expect(verdict).toMatchObject({ state: 'unanchored', warnings: [expect.stringContaining('no source of the plan holds Secret velero-credentials-aws')] });
  });
});

describe('backup seal', () => {
  it('keeps digest, size and version of every object outside of the bucket, once', async () => {
    putWhole(bucket, { name: NAME });
    const { seal, key, wasSealed } = await sealBackup({ name: NAME }, tools);
    expect(key).toBe(`seals/workload/main/${NAME}.json`);
    expect(wasSealed).toBe(false);
    expect(seal.objects).toHaveLength(11);
    expect(seal.objects.every(({ sha256, versionId }) => sha256 !== undefined && versionId !== undefined)).toBe(true);
    expect(seal.objects.filter(({ place }) => place === 'volumes').map(({ key: of }) => of)).toEqual([
      'pv-shop-data-0123/manifest.json',
      'pv-shop-data-0123/volume.tar.gz',
    ]);
    expect(await sealBackup({ name: NAME }, tools)).toMatchObject({ wasSealed: true, seal });
  });

  it('seals nothing that is bad, and does not seal over what has changed', async () => {
    putWhole(bucket, { name: NAME, status: { phase: 'PartiallyFailed' } });
    await expect(sealBackup({ name: NAME }, tools)).rejects.toMatchObject({ code: 'BACKUP_BAD', message: expect.stringContaining('phase is PartiallyFailed') });
    putWhole(bucket, { name: NAME });
    await sealBackup({ name: NAME }, tools);
    bucket.put(keyOf(NAME, '-logs.gz'), 'altered', '2026-03-01T02:00:00Z');
    await expect(sealBackup({ name: NAME }, tools)).rejects.toMatchObject({ code: 'BACKUP_BAD', message: expect.stringContaining(`${NAME}-logs.gz`) });
  });

  it('of a signed seal counts only with a signature that the plan allows', async () => {
    const approvals = '  approvals: { allowedSigners: { file: /signers }, required: true }\n';
    putWhole(bucket, { name: NAME });
    await sealBackup({ name: NAME, sign: { keyFile: 'key-ann', as: 'ann' } }, toolsFor(approvals));
    expect((await verifyBackup({ name: NAME }, toolsFor(approvals))).verdict.state).toBe('sealed-equal');

    const other = 'lattice-daily-20260301010000';
    putWhole(bucket, { name: other });
    await sealBackup({ name: other }, tools);
    expect((await verifyBackup({ name: other }, toolsFor(approvals))).verdict).toMatchObject({
      state: 'unanchored',
      reasons: [expect.stringContaining('requires signatures')],
    });

    const third = 'lattice-daily-20260301013000';
    putWhole(bucket, { name: third });
    await sealBackup({ name: third, sign: { keyFile: 'key-eve', as: 'ann' } }, tools);
    expect((await verifyBackup({ name: third }, toolsFor(approvals))).verdict).toMatchObject({
      state: 'unanchored',
      reasons: [expect.stringContaining('may not sign')],
    });
  });
});

describe('backup list', () => {
  it('lists what took each, newest first, with age, cover, lock and verdict', async () => {
    putWhole(
      bucket,
      { name: NAME, claims: ['shop/data', 'shop/more'] },
      { name: 'lattice-daily-20260301010000', status: { phase: 'Failed' } },
      { name: 'lattice-svc-shop-orders-20260301023000', claims: [] },
      { name: 'by-hand', claims: [] },
    );
    await sealBackup({ name: NAME }, tools);
    bucket.locks.set(keyOf(NAME, '.tar.gz'), { mode: 'GOVERNANCE', until: '2026-04-01T00:00:00.000Z', legalHold: false });
    bucket.reads.length = 0;
    const list = await listBackups({}, tools);
    expect(list).toMatchObject({ cluster: 'workload', rpoMs: 90 * 60_000, findings: [] });
    expect(list.entries.map(({ kind, name, isLate, covers, verdict }) => [kind, name, isLate, covers, verdict.state])).toEqual([
      ['service', 'lattice-svc-shop-orders-20260301023000', false, '0 volumes, 1 objects', 'unanchored'],
      ['velero', 'by-hand', false, '0 volumes, 1 objects', 'unanchored'],
      ['cluster', NAME, false, '2 volumes, 3 objects', 'sealed-equal'],
      ['cluster', 'lattice-daily-20260301010000', true, '1 volume, 2 objects', 'bad'],
    ]);
    expect(list.entries[2]?.immutability).toEqual({ state: 'locked', mode: 'GOVERNANCE', until: '2026-04-01T00:00:00.000Z' });
    expect(bucket.reads.filter((key) => key.endsWith('.tar.gz'))).toEqual([]);
  });

  it('takes the newest of each schedule, and other sources besides; what cannot be read is a finding', async () => {
    putWhole(bucket, { name: NAME }, { name: 'lattice-daily-20260301010000' }, { name: 'by-hand' });
    const verdict = { state: 'not-verified', reasons: [], warnings: [] } as const;
    const sources = [
      { name: 'etcd', list: async () => [{ kind: 'etcd', name: 'snap.db', store: 'etcd', sizeBytes: 1, covers: 'etcd', verdict } as const] },
      {
        name: 'elsewhere',
        list: async () => {
          throw new DrError({ code: 'S3_UNAVAILABLE', message: 'no answer' });
        },
      },
    ];
    const list = await listBackups({ newest: 1, sources }, tools);
    expect(list.entries.map(({ name }) => name)).toEqual(['by-hand', NAME, 'snap.db']);
    expect(list.findings).toEqual(['elsewhere: no answer']);
  });
});

describe('a sealed backup of which nothing is left in the bucket', () => {
  const vanish = async (expiration?: string): Promise<void> => {
    putWhole(bucket, { name: NAME, ...(expiration === undefined ? {} : { status: { expiration } }) });
    await sealBackup({ name: NAME }, tools);
    bucket = new MemoryObjectStore('backups');
    tools = toolsFor();
  };
  const REASON = 'it was sealed at 2026-03-01T03:00:00.000Z and is gone from the bucket';

  it('is listed as missing, and refused for that reason', async () => {
    await vanish();
    putWhole(bucket, { name: 'lattice-daily-20260301010000' });
    const { entries } = await listBackups({}, tools);
    expect(entries.map(({ name, covers, verdict }) => [name, covers, verdict.state])).toEqual([
      [NAME, 'missing', 'bad'],
      ['lattice-daily-20260301010000', '1 volume, 2 objects', 'unanchored'],
    ]);
    expect(entries[0]).toMatchObject({ kind: 'cluster', takenAt: '2026-03-01T02:00:00Z', verdict: { reasons: [REASON] } });
    const { verdict, error } = await verifyBackup({ name: NAME }, tools);
    expect(verdict).toMatchObject({ state: 'bad', reasons: [REASON] });
    expect(error).toMatchObject({ code: 'BACKUP_BAD' });
  });

  it('is not missed once Velero was to delete it', async () => {
    await vanish('2026-03-01T03:00:01Z');
    expect((await listBackups({}, tools)).entries).toHaveLength(1);
    await bench.clock.runUntil(bench.clock.sleep(2_000, new AbortController().signal));
    expect((await listBackups({}, tools)).entries).toEqual([]);
  });

  it('is told apart from one that nobody has heard of', async () => {
    expect((await verifyBackup({ name: 'other' }, tools)).verdict).toMatchObject({ state: 'bad', reasons: ['there is nothing of it in the bucket'] });
  });
});

describe('snapshots of etcd', () => {
  const manifest = {
    formatVersion: 1,
    takenAt: '2026-03-01T02:30:00Z',
    tool: '1',
    endpoint: 'https://cp-1:2379',
    etcdVersion: '3.6.14',
    clusterId: '1',
    sizeBytes: 4,
    sha256: 'a',
    revision: '42',
    hashKv: { hash: 1, revision: '42', compactRevision: '1' },
    members: [],
    resources: {},
    encryption: [],
  };

  it('are listed with what their manifests say; what is in them is proven elsewhere', async () => {
    const put = (name: string, sizeBytes: number | undefined) => {
      bucket.put(`etcd/${name}.db`, 'data', '2026-03-01T02:45:00.000Z');
      if (sizeBytes !== undefined) bucket.put(`etcd/${name}.db.manifest.json`, JSON.stringify({ ...manifest, sizeBytes }));
    };
    put('whole', 4);
    put('short', 5);
    put('bare', undefined);
    const list = await listBackups({}, toolsFor('  etcdSnapshots: [{ name: etcd-main, bucket: backups, prefix: etcd/ }]\n'));
    expect(list.entries.map(({ kind, name, store, takenAt, covers, verdict }) => [kind, name, store, takenAt, covers, verdict.state])).toEqual([
      ['etcd', 'bare.db', 'etcd-main', '2026-03-01T02:45:00.000Z', 'all objects', 'not-verified'],
      ['etcd', 'short.db', 'etcd-main', '2026-03-01T02:30:00Z', 'all objects, revision 42', 'bad'],
      ['etcd', 'whole.db', 'etcd-main', '2026-03-01T02:30:00Z', 'all objects, revision 42', 'not-verified'],
    ]);
    expect(list.entries[2]?.verdict.warnings).toEqual([expect.stringContaining('not verified here')]);
  });
});

describe('backup show', () => {
  it('reads no tarball', async () => {
    putWhole(bucket, { name: NAME });
    const details = await showBackup({ name: NAME }, tools);
    expect(details.tarball).toBeUndefined();
    expect(details.error).toBeUndefined();
    expect(details.objects).toHaveLength(11);
    expect(bucket.reads.some((key) => key.endsWith('.tar.gz'))).toBe(false);
  });
});
