import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { systemClock } from '../../src/adapters/clock/system-clock.ts';
import { parseManifestFile } from '../../src/adapters/yaml/parse-manifest-file.ts';
import type { SealFile } from '../../src/backup/seal.ts';
import type { LabConfig } from '../../src/lab/config.ts';
import { labUp } from '../../src/lab/lab-up.ts';
import { createAuthority, issueCertificate } from '../../src/lab/pki/issue-certificate.ts';
import { installCrds, readCrds } from '../../src/lab/platform/install/crds.ts';
import type { JsonObject } from '../../src/model/json.ts';
import { type KubeObject, type ObjectRef, refOf } from '../../src/model/kube-object.ts';
import type { BackupList } from '../../src/operations/backup-list.ts';
import type { SealedBackup } from '../../src/operations/backup-seal.ts';
import type { TakenBackup } from '../../src/operations/backup-take.ts';
import type { BackupDetails } from '../../src/operations/backup-verify.ts';
import type { ExportedCapi } from '../../src/operations/capi-export.ts';
import type { ClusterStatus } from '../../src/operations/cluster-status.ts';
import type { DriftResult } from '../../src/operations/drift.ts';
import { backupAttach } from '../../src/steps/backup/attach.ts';
import { type CliEnd, startCli } from '../support/cli.ts';
import { kubectlFor } from '../support/kubectl.ts';
import { LabBucket } from '../support/lab-bucket.ts';
import { MoskStandIn } from '../support/mosk-stand-in.ts';
import { PARENT_AND_CHILD, wronglyTold } from '../support/parent-and-child.ts';
import { StepBench } from '../support/step-bench.ts';
import { startTlsBefore } from '../support/tls-before.ts';
import { core, lattice, service } from '../unit/specs/objects.ts';
import { createRepository } from './git-repository.ts';
import { createTestLab } from './lab-world.ts';
import { createWithVelero, object, untilPhase } from './velero-world.ts';

const CAPI = 'cluster.x-k8s.io/v1beta2';
const MOSK = { apiVersion: 'kaas.mirantis.com/v1alpha1', kind: 'ClusterBackup', namespace: 'prod' } as const;
const POLICY_API = 'admissionregistration.k8s.io/v1';
const CART = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeService', namespace: 'shop', name: 'cart' } as const;
const CANARY = 'canary-of-the-clusters-own-key';
const SCOPE = { storageLocation: 'lattice-main', includedNamespaces: ['shop', 'lattice-system'], ttl: '720h0m0s' };
/** What git says, and what runs. */
const SPECS: readonly KubeObject[] = [
  core('Namespace', '/shop'),
  service('shop/cart', {}, { replicas: 2 }),
  lattice('LatticeClusterBackup', 'daily', { schedule: '0 2 * * *', storeRef: 'main', scope: { includeNamespaces: SCOPE.includedNamespaces } }),
];

/**
 * The ways to success of commands that write to a living cluster or read one: table, `--json` and exit code, and what is there afterwards. Servers and Velero are
 * real; the platform's Schedule is applied as its operator does (lattice-backup/src/cluster_backup_controller.rs), and a stand-in plays MOSK's.
 */
describe('commands on a cluster that lives', { timeout: 300_000, shuffle: false }, () => {
  const stack = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(290_000);
  const write = { fieldManager: 'test', force: true, signal };
  let lab: LabConfig;
  let kube: Awaited<ReturnType<typeof createWithVelero>>['kube'];
  let folder = '';
  let identity = '';
  let scheduled = '';
  let kubeconfig = '';

  const program = async (...args: readonly string[]): Promise<CliEnd> =>
    await startCli([...args, '--plan', 'plan.yaml'], { env: { PATH: process.env['PATH'], HOME: folder }, cwd: folder }).ended;
  /** A command that ends with a code, and what it says with `--json`. */
  const json = async <T>(code: number, ...args: readonly string[]): Promise<T> => {
    const ended = await program(...args, '--json');
    expect(ended.code, ended.stderr.slice(-2_000)).toBe(code);
    return JSON.parse(ended.stdout) as T;
  };
  const get = async (ref: ObjectRef): Promise<KubeObject | undefined> => await kube.get(ref, signal);

  beforeAll(async () => {
    const world = stack.use(await createTestLab(360_000));
    const operation = { ...world.operation, signal };
    folder = world.directory;
    lab = await labUp({ ...operation, only: ['s3'] });
    const crds = (await readCrds('current')).filter(({ metadata: { name } }) => /\.lattice\.dev$|\.cluster\.x-k8s\.io$/.test(name));
    const made = await createWithVelero(operation, lab, { name: 'small', accessMode: 'ReadWrite', crds });
    kube = stack.use(made.kube);
    kubeconfig = made.cluster.kubeconfigs.admin;
    const path = join(import.meta.dirname, '..', 'fixtures', 'mosk', 'clusterbackups.kaas.mirantis.com.yaml');
    const [document] = parseManifestFile({ path, content: await readFile(path) }).documents;
    await installCrds([document?.value as unknown as KubeObject], { kube, clock: systemClock }, signal);
    for (const name of ['lattice-system', 'capi-small', 'prod']) await kube.apply(core('Namespace', name), write);
    for (const one of SPECS) await kube.apply(one, write);
    const schedule = { schedule: '0 2 * * *', template: SCOPE as unknown as JsonObject };
    await kube.apply(object('velero.io/v1/Schedule', { name: 'lattice-daily', namespace: 'velero' }, schedule), write);
    const repository = await createRepository(join(folder, 'specs'));
    await repository.commit({ 'specs.yaml': SPECS.map((one) => JSON.stringify(one)).join('\n---\n') });
    identity = await generateX25519Identity();
    await writeFile(join(folder, 'plan.yaml'), JSON.stringify(await planOf(kubeconfig)));
  });

  afterAll(async () => {
    await stack.disposeAsync();
  });

  const planOf = async (file: string): Promise<object> => ({
    apiVersion: 'dr.lattice.dev/v1alpha1',
    kind: 'RecoveryPlan',
    metadata: { name: 'small' },
    spec: {
      cluster: { name: 'small', provisioner: 'existing', existing: { kubeconfig: { file } } },
      specs: { git: { repository: './specs', ref: 'main' } },
      objectives: { rto: '40m', rpo: '1h' },
      backups: [{ store: 'main', bucket: lab.s3.bucket, endpoint: lab.s3.endpoint, credentials: { file: lab.s3.credentialsPath }, clusterBackup: 'daily' }],
      salvage: { recipients: [await identityToRecipient(identity)] },
      guard: { writers: { users: ['gitops'] }, recovery: { users: ['lattice-admin'] } },
      mosk: { kubeconfig: { file }, namespace: MOSK.namespace, upload: { rclone: { bucket: 'dr/east', credential: 's3' } } },
      state: { folder: './state' },
    },
  });

  /** What is in the bucket of a backup is what its seal says, by keys, and Velero has completed it. */
  const assertTaken = async (name: string, spec: object): Promise<KubeObject | undefined> => {
    using bucket = await LabBucket.open(lab);
    const folderOf = `lattice-main/backups/${name}/`;
    const keys = (await bucket.keys(folderOf)).map((key) => key.slice(folderOf.length));
    expect(keys).toEqual(expect.arrayContaining([`${name}.tar.gz`, 'velero-backup.json']));
    const { seal } = JSON.parse(await readFile(join(folder, 'state', 'seals', 'small', 'main', `${name}.json`), 'utf8')) as SealFile;
    expect(seal.objects.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
    const backup = await get({ apiVersion: 'velero.io/v1', kind: 'Backup', namespace: 'velero', name });
    expect(backup).toMatchObject({ spec, status: { phase: 'Completed' } });
    return backup;
  };

  it('backup take has Velero save namespaces, proves and seals it; a name is taken once', async () => {
    const taken = await program('backup', 'take', '--namespace', 'shop', '--ttl', '24h0m0s', '--name', 'by-hand');
    expect(taken.code, taken.stderr.slice(-2_000)).toBe(0);
    expect(taken.stdout).toMatch(
      /^backup by-hand in store main: Completed at \S+Z.*\nread to its last byte and sealed: \d+ objects, kept at .*\/small\/main\/by-hand\.json\n/,
    );
    await assertTaken('by-hand', { storageLocation: 'lattice-main', includedNamespaces: ['shop'], ttl: '24h0m0s' });
    const again = await json<JsonObject>(4, 'backup', 'take', '--namespace', 'shop', '--name', 'by-hand');
    expect(again).toMatchObject({ error: { code: 'BACKUP_EXISTS' } });
  });

  it('backup take has Velero run the schedule of a LatticeClusterBackup now', async () => {
    const taken = await json<TakenBackup<SealedBackup>>(0, 'backup', 'take');
    expect(taken).toMatchObject({ kind: 'velero', store: 'main', name: expect.stringMatching(/^lattice-daily-\d{14}$/), proof: { wasSealed: false } });
    scheduled = taken.name;
    const backup = await assertTaken(scheduled, SCOPE);
    expect(backup?.metadata.labels).toMatchObject({ 'velero.io/schedule-name': 'lattice-daily' });
    expect(backup?.status?.['completionTimestamp']).toBe(taken.completedAt);
    expect(await json<JsonObject>(0, 'backup', 'verify', scheduled)).toMatchObject({ verdict: { state: 'sealed-equal' } });
  });

  it('backup verify asks the cluster for the storage class that a claim needs', async () => {
    const spec = { storageClassName: 'fast', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
    await kube.apply({ ...core('PersistentVolumeClaim', 'prod/data'), spec }, write);
    expect((await program('backup', 'take', '--namespace', 'prod', '--name', 'claims')).code).toBe(0);
    const verify = async () => await json<BackupDetails>(0, 'backup', 'verify', 'claims', '--bytes');
    expect((await verify()).verdict).toMatchObject({
      state: 'sealed-equal',
      warnings: expect.arrayContaining([expect.stringMatching(/^its volumes need storage class fast, which the target https:\S+ does not have \(none\)$/)]),
    });
    await kube.apply({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'fast' }, provisioner: 'none.invalid' }, write);
    expect((await verify()).findings.filter(({ check }) => check === 'target')).toEqual([]);
  });

  it('drift ends with 0 where git, backup and cluster say the same, and with 12, field by field, where they do not', async () => {
    const same = await program('drift', '--backup', scheduled);
    expect(same.code, same.stderr.slice(-2_000)).toBe(0);
    expect(same.stdout).toMatch(new RegExp(`^\\d+ objects compared: git at [0-9a-f]{12}, backup ${scheduled}, the living cluster\n\nno differences\n`));
    expect(await json<DriftResult>(0, 'drift', '--backup', scheduled)).toMatchObject({ sides: ['git', 'backup', 'live'], objects: [], blocking: 0 });

    await kube.mergePatch(CART, { spec: { replicas: 9 } }, { fieldManager: 'kubectl-edit', signal });
    const differs = await program('drift', '--backup', scheduled);
    expect(differs.code, differs.stderr.slice(-2_000)).toBe(12);
    expect(differs.stdout).toMatch(/^lattice\.dev\/LatticeService shop\/cart +spec\.replicas +replicas +2 +2 +9\b/m);
    const result = await json<DriftResult>(12, 'drift', '--backup', scheduled, '--write-conditions');
    expect(result.conditions).toMatchObject({ differing: 1 });
    expect(result.objects).toMatchObject([{ key: 'lattice.dev/LatticeService shop/cart', fields: [{ values: { git: 2, backup: 2, live: 9 } }] }]);
    expect((await get(CART))?.status?.['conditions']).toMatchObject([{ type: 'SpecDriftDetected', status: 'True' }]);
  });

  it('status --cluster of a parent tells everything that its LatticeCluster says, with the health of each child, and what the children say themselves', async () => {
    for (const { status = {}, ...cluster } of Object.values(PARENT_AND_CHILD)) {
      await kube.apply(cluster, write);
      await kube.mergePatch(refOf(cluster), { status }, { fieldManager: 'test', subresource: 'status', signal });
    }
    const told = await json<ClusterStatus>(0, 'status', '--cluster');
    // The server has kept every field.
    const status = (await get(refOf(PARENT_AND_CHILD.small)))?.status ?? {};
    expect(status).toEqual(PARENT_AND_CHILD.small.status);
    expect(wronglyTold(status, told.onItself ?? {})).toEqual([]);
    expect(told.onItself).toMatchObject({ hasBootstrapToken: true, hasCsrToken: true });
    expect(told.children.map(({ name }) => name)).toEqual(['edge']);
    expect(wronglyTold(PARENT_AND_CHILD.edge.status ?? {}, told.children[0] ?? {})).toEqual([]);
    const shown = await program('status', '--cluster');
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^CHILD .*\nedge +Pivoted +Degraded +41 of 42 +43 of 44 +2026-03-01T02:58:07Z$/m),
    });
    expect(`${shown.stdout}${shown.stderr}${JSON.stringify(told)}`).not.toContain('canary');
  });

  it('capi export writes what the cluster has, owners first and paused, with its keys in the age file only, and pauses nothing', async () => {
    const place = { namespace: 'capi-small' };
    const owner = await kube.create(object(`${CAPI}/Cluster`, { ...place, name: 'small' }, { paused: false }), write);
    const ownerReferences = [{ apiVersion: CAPI, kind: 'Cluster', name: 'small', uid: owner.metadata.uid ?? '' }];
    const machine = { apiVersion: CAPI, kind: 'Machine', ...place, name: 'm-1' };
    await kube.apply(object(`${CAPI}/Machine`, { ...place, name: 'm-1', ownerReferences }, { providerID: 'lab://m-1' }), write);
    await kube.mergePatch(machine, { status: { nodeRef: { name: 'm-1' } } }, { fieldManager: 'test', subresource: 'status', signal });
    await kube.apply(core('Secret', 'capi-small/small-ca', { data: { 'tls.key': Buffer.from(CANARY).toString('base64') } }), write);

    const exported = await program('capi', 'export', '--output', 'capi');
    expect(exported.code, exported.stderr.slice(-2_000)).toBe(0);
    const names = ['capi.json', 'capi.age', 'index.json'].map((name) => join(folder, 'capi', name));
    expect(exported.stdout).toMatch(/^Cluster API objects of small on https:\/\/\S+: 3 in 2 levels of ownership, 1 Secrets encrypted\n/);
    for (const name of names) expect(exported.stdout).toContain(`\n${name}\n`);
    const [plain = '', encrypted = '', index = ''] = await Promise.all(names.map(async (name) => await readFile(name, 'utf8')));
    const { items } = JSON.parse(plain) as { readonly items: readonly KubeObject[] };
    expect(items.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(['Cluster small', 'Machine m-1']);
    expect(items[0]?.spec).toMatchObject({ paused: true });
    expect(JSON.parse(index)).toMatchObject({ objects: [{ level: 0 }, { uid: owner.metadata.uid, level: 0 }, { level: 1 }] });
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const whole = await decrypter.decrypt(armor.decode(encrypted), 'text');
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64')]) expect(`${plain}${index}${exported.stdout}${exported.stderr}`).not.toContain(form);
    expect(whole).toContain(Buffer.from(CANARY).toString('base64'));
    expect((await get({ ...machine, kind: 'Cluster', name: 'small' }))?.metadata.resourceVersion).toBe(owner.metadata.resourceVersion);

    const without = await json<ExportedCapi>(0, 'capi', 'export', '--output', 'bare', '--without-secrets');
    expect(without).toMatchObject({ cluster: 'small', objects: 3, levels: 2, wasPaused: false });
  });

  it('guard render, install, status and uninstall: what git would apply is what install puts there, and deny only after audit', async () => {
    const policy = { apiVersion: POLICY_API, kind: 'ValidatingAdmissionPolicy', name: 'lattice-dr-spec-guard' };
    const actions = async (): Promise<unknown> => (await get({ ...policy, kind: 'ValidatingAdmissionPolicyBinding' }))?.spec?.['validationActions'];
    expect(await program('guard', 'status')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^the guard of specs on small is not there: /) });
    const rendered = await program('guard', 'render');
    expect(rendered.code, rendered.stderr).toBe(0);
    const objects = parseAllDocuments(rendered.stdout).map((one) => one.toJS() as KubeObject);
    expect(await json<readonly KubeObject[]>(0, 'guard', 'render')).toEqual(objects);
    for (const one of objects) await kube.apply(one, write);
    expect(await program('guard', 'status')).toMatchObject({
      code: 0,
      stdout: 'the guard of specs on small is in audit: writes that do not come from git are noted, not refused\n',
    });
    const spec = (await get(policy))?.spec;

    expect(await program('guard', 'uninstall')).toMatchObject({ code: 0, stdout: expect.stringContaining(' is not there: ') });
    expect([await get(policy), await actions()]).toEqual([undefined, undefined]);
    expect(await json<JsonObject>(4, 'guard', 'install', '--mode', 'deny')).toMatchObject({ error: { code: 'GUARD_REFUSED' } });
    const installed = { cluster: 'small', mode: 'audit', altered: [], warnings: [], self: { user: 'lattice-admin', exempt: true }, brokenGlass: [] };
    expect(await json<JsonObject>(0, 'guard', 'install')).toMatchObject(installed);
    expect((await get(policy))?.spec).toEqual(spec);
    const denying = await program('guard', 'install', '--mode', 'deny');
    expect(denying).toMatchObject({ code: 0, stdout: 'the guard of specs on small is in deny: writes that do not come from git are refused\n' });
    expect(await actions()).toContain('Deny');
    expect(await json<JsonObject>(0, 'guard', 'status')).toMatchObject({ ...installed, mode: 'deny' });
  });

  it('while that guard refuses a write by hand, Velero restores a service', async () => {
    const kubectl = await kubectlFor(kubeconfig, folder);
    const patch = ['patch', 'latticeservice', 'cart', '-n', 'shop', '--type=merge', '-p', '{"spec":{"replicas":9}}'];
    const byHand = async () => await kubectl(...patch, '--as=dev', '--as-group=system:masters');
    // The server takes a policy up some time after it was written; until then each write changes something.
    let refused = await byHand();
    while (refused.code === 0) {
      await kube.apply(SPECS[1] as KubeObject, write);
      await sleep(250, undefined, { signal });
      refused = await byHand();
    }
    expect(refused.stderr).toContain('specs are written from git only, and dev is none of its writers');
    await kube.delete(CART, { signal });
    while ((await get(CART)) !== undefined) await sleep(250, undefined, { signal });
    const spec = { backupName: scheduled, includedResources: ['latticeservices.lattice.dev'] };
    await kube.create(object('velero.io/v1/Restore', { name: 'cart', namespace: 'velero' }, spec), write);
    await untilPhase({ kube, signal }, 'Restore', { name: 'cart', phase: 'Completed' });
    expect((await get(CART))?.spec).toMatchObject({ replicas: 2 });
    expect(await json<JsonObject>(0, 'guard', 'uninstall')).toMatchObject({ mode: 'absent' });
  });

  it('backup take --mosk, list beside backups of services and of all, and backup delete: the file is there, then it is gone, and the object after it', async () => {
    await using standIn = new MoskStandIn(kube, {});
    const taken = await program('backup', 'take', '--mosk', '--name', 'east-1');
    expect(taken.code, taken.stderr.slice(-2_000)).toBe(0);
    expect(taken.stdout).toMatch(/^ClusterBackup east-1: uploaded to rclone bucket dr\/east at \S+Z as dr\/east:east-1\.encrypted\n/);
    const second = await json<JsonObject>(0, 'backup', 'take', '--mosk', '--name', 'east-2');
    expect(second).toMatchObject({ kind: 'mosk', name: 'east-2', verdict: { state: 'recovery-point' }, files: ['dr/east:east-2.encrypted'] });
    expect((await get({ ...MOSK, name: 'east-2' }))?.spec).toMatchObject({ targetCluster: 'small' });
    expect([...standIn.files]).toEqual(['dr/east:east-1.encrypted', 'dr/east:east-2.encrypted']);

    const ofService = 'lattice-svc-shop-cart-20260301020000';
    const serviceSpec = { storageLocation: 'lattice-main', includedNamespaces: ['shop'] };
    await kube.create(object('velero.io/v1/Backup', { name: ofService, namespace: 'velero' }, serviceSpec), write);
    await untilPhase({ kube, signal }, 'Backup', { name: ofService, phase: 'Completed' });
    const listed = await json<BackupList>(0, 'backup', 'list');
    expect(listed.findings).toEqual([]);
    expect(listed.entries.map(({ kind, name, verdict }) => `${kind} ${name} ${verdict.state}`)).toEqual(
      expect.arrayContaining([
        `service ${ofService} unanchored`,
        `cluster ${scheduled} sealed-equal`,
        'velero by-hand sealed-equal',
        'mosk east-1 not-verified',
        'mosk east-2 not-verified',
      ]),
    );

    expect(await json<JsonObject>(10, 'backup', 'delete', 'east-1')).toMatchObject({ error: { code: 'GATE_WAITING' } });
    expect(standIn.files.size).toBe(2);
    const deleted = await program('backup', 'delete', 'east-1', '--confirm', 'east-1');
    expect(deleted.code, deleted.stderr.slice(-2_000)).toBe(0);
    expect(deleted.stdout).toMatch(/^ClusterBackup east-1 is gone: dr\/east:east-1\.encrypted deleted from rclone bucket dr\/east at \S+Z, then the object\n$/);
    const gone = await json<JsonObject>(0, 'backup', 'delete', 'east-2', '--confirm', 'east-2');
    expect(gone).toMatchObject({ name: 'east-2', files: ['dr/east:east-2.encrypted'] });
    expect([standIn.files.size, await get({ ...MOSK, name: 'east-1' }), await get({ ...MOSK, name: 'east-2' })]).toEqual([0, undefined, undefined]);
    const asked = ['DeletionPending', 'DeletionInProgress', 'Deleted'].map((status) => `east-1 ${status}`);
    expect(standIn.written.filter((line) => line.startsWith('east-1 Delet'))).toEqual(asked);
  });

  // The last: it makes every location ReadOnly.
  it('Velero is told by backup/attach of the private authority of an S3 server, and takes its certificate; one that is not told does not', async () => {
    const authority = await createAuthority('a private authority');
    await using server = await startTlsBefore(lab.s3.port, await issueCertificate(authority, { commonName: 's3', addresses: ['127.0.0.1'] }));
    await using bench = await StepBench.open();
    const ca = bench.path('ca.crt');
    await writeFile(ca, authority.cert);
    const { bucket, region, credentialsPath } = lab.s3;
    const { endpoint } = server;
    const config = { region, s3Url: endpoint, s3ForcePathStyle: 'true' };
    const untold = { provider: 'aws', accessMode: 'ReadOnly', config, objectStorage: { bucket, prefix: 'lattice-main' } };
    await kube.create(object('velero.io/v1/BackupStorageLocation', { name: 'untold', namespace: 'velero' }, untold), write);
    const location = await untilPhase({ kube, signal }, 'BackupStorageLocation', { name: 'untold', phase: 'Unavailable' });
    expect(location.status?.['message']).toContain('certificate signed by unknown authority');

    using files = await LabBucket.open(lab);
    await files.copyBackup({ prefix: 'lattice-main', name: 'by-hand' }, { prefix: 'lattice-secure', name: 'by-hand-secure' });
    const store = lattice('BackupStore', 'lattice-system/secure', { storage: { provider: 's3', s3: { bucket, region, endpoint } } });
    await bench.run(backupAttach, 'small', {
      target: { kubeconfig },
      cluster: { name: 'small', provisioner: 'existing', existing: { kubeconfig: { file: kubeconfig } } },
      ...(await bench.commit('secure', [store])),
      edits: [],
      backups: [{ store: 'secure', bucket, region, endpoint, ca: { file: ca }, credentials: { file: credentialsPath } }],
      recoveryPoints: [{ store: 'secure', name: 'by-hand-secure', completedAt: '', volumes: [], withoutData: [], snapshotLocations: [] }],
    });
    const told = await get({ apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', namespace: 'velero', name: 'lattice-secure' });
    expect(told).toMatchObject({ spec: { accessMode: 'ReadOnly', config: { s3Url: endpoint } }, status: { phase: 'Available' } });
  });
});
