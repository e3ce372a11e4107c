import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/engine/run-options.ts';
import { DrError } from '../../../src/errors/dr-error.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { FakeDnsZone } from '../../fakes/fake-dns-zone.ts';
import type { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import type { FakeProgram } from '../../fakes/fake-processes.ts';
import { encryptForTest } from '../../fakes/memory-secret-files.ts';
import { currentCrds } from '../specs/seed-files.ts';
import { core, encoded, lattice, operator, PLAN_CLUSTER, PLAN_SPECS, platformCluster, yaml } from './objects.ts';
import { StepBench, stepOf } from './step-harness.ts';
import { bucketWith, sealAll } from './velero-bucket.ts';

const OWN = lattice('LatticeCluster', 'workload', { spec: { providerRef: 'lab', latticeImage: 'registry.invalid/lattice:1' } });
const READS = lattice('LatticeService', 'shop/web', {
  spec: {
    workload: { containers: { main: { image: 'x', command: ['/x'] } }, resources: { db: { type: 'secret', id: 'db', params: { provider: 'lattice-local' } } } },
  },
});
const STORE = lattice('BackupStore', 'lattice-system/main', { spec: { storage: { s3: { bucket: 'backups' } } } });
const ORIGINAL = core('Secret', 'lattice-secrets/db', encoded({ password: 'x' }));
const DNS = {
  servers: [{ name: 'ns1', host: '192.0.2.53', zone: 'example.com' }],
  records: [{ name: 'shop.example.com', type: 'A', owner: 'lattice-dr', server: 'ns1', maxTtl: '60s' }],
};

interface World {
  readonly bench: StepBench;
  readonly parent: FakeKubeCluster;
  readonly zone: FakeDnsZone;
  run(input?: JsonObject): Promise<RunResult>;
}

interface Given {
  readonly specs?: readonly KubeObject[];
  readonly originals?: readonly KubeObject[];
  readonly bucket?: ReturnType<typeof bucketWith>;
  /** Whether every backup was sealed; true by default. */
  readonly sealed?: boolean;
}

function world(
  { specs = [OWN, READS, STORE], originals = [ORIGINAL], bucket = bucketWith({ name: 'lattice-daily-20260301020000' }), sealed = true }: Given = {},
  programs: Readonly<Record<string, FakeProgram>> = {},
): World {
  const parent = platformCluster('https://parent.invalid:6443');
  parent.put(operator());
  parent.put(core('Service', 'lattice-system/lattice-cell', { status: { loadBalancer: { ingress: [{ ip: '198.51.100.1' }] } } }));
  parent.put(lattice('InfraProvider', 'lattice-system/lab', { status: { phase: 'Ready' } }));
  const zone = new FakeDnsZone([{ name: 'shop.example.com', type: 'A', ttlSeconds: 300, values: ['192.0.2.1'] }]);
  const bench = new StepBench({
    clusters: { 'parent.yaml': parent, 'new.yaml': platformCluster() },
    files: { 'specs.yaml': yaml(...specs) },
    buckets: [bucket],
    programs,
    zones: { 'example.com': zone },
    charts: { 'https://charts.invalid': { 'redis 1.2.3': `sha256:${'a'.repeat(64)}` } },
  });
  bench.secretFiles.files.set('dr.txt', 'identity');
  bench.secretFiles.files.set('originals.age', new TextDecoder().decode(encryptForTest(yaml(...originals), 'identity')));
  const given = {
    cluster: PLAN_CLUSTER,
    specs: PLAN_SPECS,
    commit: bench.commit,
    secrets: [{ groups: ['lattice-secrets'], from: { age: 'originals.age', identity: { file: 'dr.txt' } } }],
    backups: [{ store: 'main', bucket: 'backups', clusterBackup: 'daily' }],
    dns: DNS,
    objectives: { rto: '40m', rpo: '30m' },
  };
  // Backups are unpacked in threads of their own: time must not run away meanwhile.
  const run = async (input: JsonObject = {}): Promise<RunResult> => {
    if (sealed) await sealAll(bench, { store: 'main', bucket: 'backups' });
    return await bench.run('preflight/check', { ...given, ...input }, { time: 'stands' });
  };
  return { bench, parent, zone, run };
}

describe('preflight/check', () => {
  it('chooses the recovery points and says what it looked at, writing nothing', async () => {
    const { run, parent, bench, zone } = world();
    const result = await run();
    expect(result.error).toBeUndefined();
    expect(stepOf(result).outputs).toMatchObject({
      conversions: 0,
      recoveryPoints: [{ store: 'main', name: 'lattice-daily-20260301020000', volumes: ['shop/data'] }],
    });
    const told = JSON.stringify(await bench.journal());
    expect(told).toContain('60 min old, older than the objective of 30 min, 1 volumes');
    expect(told).toContain('shop.example.com has a TTL of 300 s instead of at most 60 s');
    expect(told).toContain('1 secrets in 1 sources');
    expect(parent.requests.every(({ verb }) => verb === 'get' || verb === 'list')).toBe(true);
    expect(zone.changes).toEqual([]);
  });

  it('refuses packages whose charts are gone, and only tells of those that cannot be seen from here', async () => {
    const packageOf = (name: string, version: string, repository = 'https://charts.invalid') =>
      lattice('LatticePackage', `shop/${name}`, { spec: { chart: { repository, name: 'redis', version } } });
    const good = world({ specs: [OWN, READS, STORE, packageOf('cache', '1.2.3'), packageOf('far', '9.9.9', 'oci://registry.invalid/charts')] });
    expect((await good.run()).error).toBeUndefined();
    const told = JSON.stringify(await good.bench.journal());
    expect(told).toContain('chart redis 1.2.3 is there (sha256:aaaa');
    expect(told).toContain('chart redis 9.9.9 was not seen: oci://registry.invalid/charts does not answer from here');
    const { error } = await world({ specs: [OWN, READS, STORE, packageOf('cache', '1.2.4')] }).run();
    expect(error).toMatchObject({ code: 'PREFLIGHT_FAILED', details: { failed: ['charts of packages'] } });
    expect(error?.message).toContain('https://charts.invalid has no version 1.2.4 of redis');
  });

  it('lists everything that is wrong in one error of kind precondition', async () => {
    const { run, parent, zone } = world({
      originals: [core('Secret', 'shop/other', encoded({ a: 'b' }))],
      bucket: bucketWith({ name: 'lattice-daily-20260301020000', status: { phase: 'Failed' } }),
    });
    parent.remove({ apiVersion: 'v1', kind: 'Service', namespace: 'lattice-system', name: 'lattice-cell' });
    parent.put(lattice('InfraProvider', 'lattice-system/lab', { status: { phase: 'Failed', message: 'token expired' } }));
    parent.put(operator({ observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 0 }));
    zone.fault = new DrError({ code: 'DNS_UPDATE_FAILED', message: 'no authoritative answer' });
    const { error } = await run();
    expect(error?.kind).toBe('precondition');
    expect(error?.details).toEqual({
      failed: ['operator runs', 'cell has an address', 'parent can provision', 'original secrets are there', 'records can be moved', 'recovery point in main'],
    });
    for (const words of [
      'lattice-operator on the parent is not available',
      'no load balancer address',
      'token expired',
      'needs Secret lattice-secrets/db',
      'no authoritative answer',
      'phase is Failed',
    ]) {
      expect(error?.message).toContain(words);
    }
  });

  it.each<[string, { readonly given?: Given; readonly input?: JsonObject; readonly code: string; readonly words: string }]>([
    [
      'the original of a secret',
      { given: { originals: [core('Secret', 'shop/other', encoded({ a: 'b' }))] }, code: 'SECRET_SOURCE_MISSING', words: 'needs Secret lattice-secrets/db' },
    ],
    ['a backup', { given: { bucket: bucketWith() }, code: 'BACKUP_NOT_USABLE', words: "store 'main' has no usable backup (none found)" }],
    ['the commit', { input: { commit: 'f'.repeat(40) }, code: 'GIT_FAILED', words: 'does not have commit' }],
    ['the bucket', { input: { backups: [{ store: 'main', bucket: 'elsewhere' }] }, code: 'PREFLIGHT_FAILED', words: 'there is no bucket elsewhere' }],
  ])('ends with exit 4 without %s', async (_, { given, input, code, words }) => {
    const { error } = await world(given).run(input);
    expect(error).toMatchObject({ code, kind: 'precondition' });
    expect(error?.message).toContain(words);
  });

  it('says before anything is destroyed that the plan lacks the snapshot location of its volumes', async () => {
    const bucket = bucketWith({ name: 'lattice-daily-20260301020000', snapshotLocation: 'main' });
    const { error } = await world({ bucket }).run();
    expect(error).toMatchObject({ code: 'PREFLIGHT_FAILED' });
    expect(error?.message).toContain('are in snapshot location main');
    const section = { store: 'main', bucket: 'backups', clusterBackup: 'daily', volumeSnapshotLocation: { provider: 'velero.io/aws' } };
    expect((await world({ bucket }).run({ backups: [section] })).error).toBeUndefined();
  });

  const storeIn = (namespace: string, isDefault: boolean): KubeObject =>
    lattice('BackupStore', `${namespace}/main`, { spec: { default: isDefault, storage: { s3: { bucket: `of-${namespace}`, region: 'r' } } } });

  it('does not guess which of two stores of one name is meant: exit 3', async () => {
    const { error } = await world({ specs: [OWN, READS, storeIn('lattice-system', true), storeIn('shop', false)] }).run();
    expect(error).toMatchObject({ code: 'INPUT_INVALID', kind: 'invalid', details: { failed: ['backup stores are clear'] } });
    expect(error?.message).toContain('both become BackupStorageLocation lattice-main');
  });

  it('tells what else contradicts itself in the backups of the future, and goes on', async () => {
    const nightly = lattice('LatticeClusterBackup', 'lattice-system/nightly', { spec: { schedule: '0 2 * * *', scope: {} } });
    const { run, bench } = world({ specs: [OWN, READS, storeIn('lattice-system', false), nightly] });
    expect((await run()).error).toBeUndefined();
    expect(JSON.stringify(await bench.journal())).toContain('no store in lattice-system has spec.default: true');
  });

  const MISSPELT = lattice('BackupStore', 'lattice-system/main', { spec: { storage: { s3: { bucket: 'b', region: 'r' }, credentialSecretRef: 'keys' } } });
  const FIELD = 'BackupStore/lattice-system/main:spec.storage.credentialSecretRef';

  it('stops for a field that the server would drop: exit 3, and the flag that goes on without it is kept as a decision', async () => {
    const { run, parent, bench } = world({ specs: [OWN, READS, MISSPELT] });
    const crd = currentCrds().get('BackupStore');
    if (crd !== undefined) parent.put(crd);
    const { error } = await run();
    expect(error).toMatchObject({ code: 'PRUNED_FIELDS', kind: 'invalid', details: { failed: ['specs fit the schemas'] } });
    expect(error?.message).toContain(`specs.yaml:5: ${FIELD} (says where something is`);
    expect(error?.suggestions).toContain(`or go on without: --accept-pruned '${FIELD}'`);

    const accept = [{ what: 'pruned', subject: FIELD }] as const;
    expect((await bench.resume({ decisions: { accept }, time: 'stands' })).error).toBeUndefined();
    expect((await bench.resume({ decisions: { accept }, time: 'stands' })).error).toBeUndefined();
    const journal = await bench.journal();
    expect(journal.filter(({ type }) => type === 'accepted')).toMatchObject([{ what: 'pruned', subject: FIELD, by: 'ops', how: 'flag' }]);
    expect(JSON.stringify(journal)).toContain(`left out, as accepted: ${FIELD}`);
  });

  it('reads no specs of a commit that nobody whom the plan allows has signed, tells it once, and names who has', async () => {
    const specs = { git: { ...PLAN_SPECS.git, verify: { allowedSigners: { file: 'allowed' } } } };
    const { run, bench } = world();
    const { error } = await run({ specs });
    expect(error).toMatchObject({ code: 'COMMIT_NOT_TRUSTED', kind: 'precondition', details: { failed: expect.arrayContaining(['specs are good']) } });
    expect(error?.message.match(/it is not signed/g)).toHaveLength(1);
    bench.git.signers.set(bench.commit, 'ann@example.com');
    expect((await run({ specs })).error).toBeUndefined();
    expect(JSON.stringify(await bench.journal())).toContain('signed by ann@example.com (SHA256:fake)');
    const unsigned = bench.git.commit({ 'specs.yaml': yaml(OWN) });
    const { error: applying } = await bench.run('specs/apply', { target: { kubeconfig: 'new.yaml' }, cluster: PLAN_CLUSTER, specs, commit: unsigned });
    expect(applying).toMatchObject({ code: 'COMMIT_NOT_TRUSTED' });
  });

  it('does not stop where the schemas cannot be asked: specs/apply looks again', async () => {
    const { run, bench } = world();
    const cluster = { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'not-there-yet.yaml' } } };
    expect((await run({ cluster })).error).toBeUndefined();
    expect(JSON.stringify(await bench.journal())).toContain('cannot be told now, specs/apply looks again: cannot read the kubeconfig not-there-yet.yaml');
  });

  it('asks nothing of a parent when another provisioner makes the cluster', async () => {
    const { run, parent } = world();
    const cluster = { name: 'workload', provisioner: 'existing', existing: { kubeconfig: { file: 'parent.yaml' } } };
    expect((await run({ cluster })).error).toBeUndefined();
    expect(new Set(parent.requests.map(({ verb, ref }) => `${verb} ${ref.kind}`))).toEqual(new Set(['list CustomResourceDefinition']));
  });

  const MADE_BY_COMMAND = { name: 'workload', provisioner: 'command', command: ['make-cluster'], kubeconfigOut: 'new.yaml' };
  const FENCE = { command: ['fence', 'workload'], off: ['is-off'] };

  it('finds before anything is touched what later steps could not run, read or write', async () => {
    const { run, bench, zone } = world();
    zone.cannotUpdate = new DrError({ code: 'SECRET_SOURCE_MISSING', message: 'there is no tsig.key' });
    bench.secretFiles.unwritable.set('new.yaml', 'folder / cannot be written to (EROFS)');
    const { error } = await run({ cluster: MADE_BY_COMMAND, fence: FENCE });
    expect(error?.kind).toBe('precondition');
    expect(error?.details).toEqual({
      failed: ['records can be moved', 'program of fence.command', 'program of fence.off', 'program of cluster.command', 'place of the kubeconfig'],
    });
    for (const words of ['fence is not installed', 'there is no tsig.key', 'EROFS']) expect(error?.message).toContain(words);
    expect(bench.processes.calls).toEqual([]);
  });

  it('refuses a kubeconfig that is in the way of the one a command is to make', async () => {
    const { run, bench } = world({}, { 'make-cluster': '' });
    bench.secretFiles.files.set('new.yaml', 'of the old cluster');
    const { error } = await run({ cluster: MADE_BY_COMMAND });
    expect(error).toMatchObject({ code: 'PREFLIGHT_FAILED', kind: 'precondition' });
    expect(error?.message).toContain('new.yaml (cluster.kubeconfigOut) exists and was not written by this run');
  });

  it('does not take the kubeconfig that its own run has kept for one that is in the way', async () => {
    const { run, bench } = world({}, { 'make-cluster': '' });
    bench.secretFiles.files.set('new.yaml', 'of the old cluster');
    await run({ cluster: MADE_BY_COMMAND });
    bench.secretFiles.files.set('new.yaml', `# dr.lattice.dev/run: ${await bench.runId()}\nkept`);
    expect((await bench.resume({ time: 'stands' })).error).toBeUndefined();
  });

  it('chooses the same recovery point after a resume, although a newer one has come', async () => {
    const bucket = bucketWith({ name: 'lattice-daily-20260301020000' }, { name: 'lattice-daily-20260301040000' });
    expect(stepOf(await world({ bucket }).run()).outputs).toMatchObject({ recoveryPoints: [{ name: 'lattice-daily-20260301020000' }] });
  });

  it('does not report a defect of ours as an answer of the world', async () => {
    const { run, parent } = world();
    parent.inject({
      verbs: ['version'],
      fault: () => {
        throw new TypeError('a defect');
      },
    });
    expect((await run()).error).toMatchObject({ code: 'BUG' });
  });
});

describe('specs/convert', () => {
  const SEED = { ...lattice('LatticeCluster', 'workload', { spec: { providerRef: 'lab', monitoring: true } }) };

  it('counts in preflight, is shown with each difference and offered as a patch', async () => {
    const { bench, run } = world({ specs: [] });
    const commit = bench.git.commit({
      'cluster.yaml': 'apiVersion: lattice.dev/v1alpha1\nkind: LatticeCluster\nmetadata:\n  name: workload\nspec:\n  providerRef: lab\n  monitoring: true\n',
    });
    const input = { cluster: { ...PLAN_CLUSTER, latticeImage: 'registry.invalid/lattice:2' }, specs: PLAN_SPECS, commit };
    expect(stepOf(await run({ ...input, backups: [] })).outputs).toMatchObject({ conversions: 1 });
    const [change] = await bench.plan('specs/convert', input);
    expect(change).toMatchObject({ verb: 'configure', subject: 'lattice.dev/LatticeCluster workload', note: 'cluster.yaml:1' });
    expect(change?.diffs?.map(({ path }) => path).toSorted()).toEqual(['spec.latticeImage', 'spec.monitoring']);
    const { outputs } = stepOf(await bench.run('specs/convert', input));
    expect(outputs).toMatchObject({ converted: 1, byHand: [] });
    expect(outputs?.['patch']).toContain('+  latticeImage: registry.invalid/lattice:2');
  });

  it('cannot be done without the image, and says where to write it', async () => {
    const { bench } = world({ specs: [SEED] });
    const { error } = await bench.run('specs/convert', { cluster: PLAN_CLUSTER, specs: PLAN_SPECS, commit: bench.commit });
    expect(error).toMatchObject({ code: 'INPUT_INVALID' });
    expect(error?.message).toContain('spec.cluster.latticeImage in the plan');
  });
});
