import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backupKeys } from '../../src/backup/velero-layout.ts';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import { callControl } from '../../src/lab/faults/control.ts';
import { platformFault } from '../../src/lab/faults/platform-fault.ts';
import { writeSecretFile } from '../../src/lab/seed/secret-file.ts';
import { readWorld, type World } from '../../src/lab/seed/world.ts';
import type { ObjectRef } from '../../src/model/kube-object.ts';
import type { HoldList } from '../../src/operations/holds.ts';
import type { ReleaseResult } from '../../src/operations/release.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { readAudit, readDnsUpdates, readS3Access } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { takeFreshBackup } from '../support/fresh-backup.ts';
import { commitFlux, FLUX_PACKAGE, GOING, KUSTOMIZATION, plantFlux } from '../support/gitops-on-target.ts';
import { LabBucket } from '../support/lab-bucket.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { SERVICE } from '../support/velero-corpus.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const SECRET = 'lattice-secrets/orders-db-credentials';
const REFUSAL = 'orders-db may not come back today: the lab says so';
const UNREADY = 'front/notifier';
const LOCATION: ObjectRef = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation', namespace: 'velero', name: 'lattice-small-backups' };
const CAPI_CLUSTER: ObjectRef = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster', namespace: 'capi-small', name: 'small' };
const FENCED = ['--confirm', 'small', '--attest', 'fence-writes=the lab has ended every process'];

interface Stop {
  readonly error: { readonly code: string; readonly message: string };
  readonly steps: readonly { readonly id: string; readonly state: string }[];
}

function stopOf(end: CliEnd, code: number): Stop {
  expect(end.code, `${end.stdout.slice(0, 2_000)}\n${end.stderr.slice(-2_000)}`).toBe(code);
  return JSON.parse(end.stdout) as Stop;
}

function statesOf({ steps }: Stop): Readonly<Record<string, string>> {
  return Object.fromEntries(steps.map(({ id, state }) => [id, state]));
}

/** The world without one original secret. */
function without(world: World, name: string): World {
  const keep = ({ metadata }: World['files'][number]['objects'][number]): boolean => `${metadata.namespace ?? ''}/${metadata.name}` !== name;
  return { ...world, files: world.files.map((file) => ({ ...file, objects: file.objects.filter(keep) })) };
}

async function uidOf(cluster: KubeCluster, ref: ObjectRef): Promise<string | undefined> {
  return (await cluster.get(ref, AbortSignal.timeout(10_000)))?.metadata.uid;
}

/** One disaster with six obstacles on the way: each test meets one of them, and the next takes it away. So their order is fixed. */
describe('a rebuild that cannot go on says why, keeps what is done, and ends once the causes are gone', { shuffle: false }, () => {
  let world: RebuildWorld;
  let platform: World;
  let before: Testimony;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    platform = await readWorld('small', world.lab);
    before = await world.testify('before');
    await commitFlux(world);
    await world.destroy();
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  const parent = async (): Promise<KubeCluster> => await world.open(world.lab.parent);
  const parentAudit = async (): Promise<string> => (await world.instance(world.lab.parent)).auditLogPath;
  const service = (name: string): ObjectRef => ({
    apiVersion: 'lattice.dev/v1alpha1',
    kind: 'LatticeService',
    namespace: name.split('/')[0] ?? '',
    name: name.split('/')[1] ?? '',
  });
  const old: ObjectRef = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeCluster', name: 'small' };

  it('an original secret is missing: exit 4, it is named, and nothing but the lock was written anywhere', async () => {
    await writeSecretFile(without(platform, SECRET), { identity: world.paths.identity, file: world.paths.secretFile });
    const since = new Date().toISOString();
    const updates = (await readDnsUpdates(world.lab.dns.updateLogPath)).length;
    const runbook = await world.copyRunbook((step) => {
      step('gitops').gate = { approve: 1, reason: 'time to see what the provisioner has brought' };
      step('specs').gate = { approve: 1, reason: 'time to break the new cluster' };
      step('verify-health').with.timeout = '20s';
    });
    const stop = stopOf(await world.cli('rebuild', '--runbook', runbook, ...FENCED), 4);

    expect(stop.error.code).toBe('SECRET_SOURCE_MISSING');
    expect(stop.error.message).toContain(SECRET);
    expect(statesOf(stop)).toMatchObject({
      lock: 'succeeded',
      preflight: 'failed',
      fence: 'blocked',
      retire: 'blocked',
      provision: 'blocked',
      cutover: 'blocked',
    });
    expect((await writesOf(await parentAudit(), since)).map(describeWrite)).toEqual(['create leases lattice-system/lattice-dr-small']);
    expect(await readDnsUpdates(world.lab.dns.updateLogPath)).toHaveLength(updates);
    const touched = (await readS3Access(world.lab.s3.accessLogPath)).filter(
      // A program of another lab that still calls at this address is refused.
      ({ requester, operation, status }) => requester === 'lattice-dr' && status < 300 && /Put|Delete|Copy|Upload/.test(operation),
    );
    expect(touched.filter(({ operation }) => !operation.includes('Bucket'))).toEqual([]);
  });

  it('the secret is back, but the sealed backup was rewritten so that all its files agree: exit 4, what differs is named, and nothing is written', async () => {
    await writeSecretFile(platform, { identity: world.paths.identity, file: world.paths.secretFile });
    using bucket = await LabBucket.open(world.lab);
    const backup = { prefix: 'lattice-small-backups', name: world.backup };
    await bucket.rewriteObject(backup, SERVICE, (text) => text.replace(/"image":"[^"]*"/, '"image":"registry.invalid/shop/somebody-elses-api:6.6.6"'));
    const since = new Date().toISOString();
    const stop = stopOf(await world.cli('resume', ...FENCED), 4);

    expect(stop.error.code).toBe('BACKUP_BAD');
    expect(stop.error.message).toMatch(new RegExp(`${backup.name}: bad: ${backup.name}\\.tar\\.gz has \\d+ bytes, and had \\d+ when it was sealed`));
    expect(statesOf(stop)).toMatchObject({ preflight: 'failed', fence: 'blocked', retire: 'blocked', provision: 'blocked', volumes: 'blocked' });
    expect((await writesOf(await parentAudit(), since)).map(describeWrite)).toEqual([]);
    await bucket.takeBack(backupKeys(backup.prefix, backup.name).tarball);
  });

  it('it is judged, and rewritten while the run waits for the name of the cluster: once that is typed, exit 4 at that gate, and nothing is written', async () => {
    const owner = world.start(['resume', '--wait-for-answers', '10m']);
    const { run } = await owner.event((event) => event.type === 'gate' && event.step === 'confirm' && event.state === 'asked');
    const [shown = ''] = /sha256:[0-9a-f]{64}/.exec((await world.cli('approve', run, 'confirm')).stdout) ?? [];
    using bucket = await LabBucket.open(world.lab);
    const backup = { prefix: 'lattice-small-backups', name: world.backup };
    await bucket.rewriteObject(backup, SERVICE, (text) => text.replace(/"image":"[^"]*"/, '"image":"registry.invalid/shop/somebody-elses-api:6.6.6"'));
    const since = new Date().toISOString();
    const approved = await world.cli('approve', run, 'confirm', '--shown', shown, '--confirm', 'small');
    expect(approved.code, approved.stderr.slice(-2_000)).toBe(0);
    const stop = stopOf(await owner.ended, 4);

    expect(stop.error.code).toBe('BACKUP_BAD');
    expect(stop.error.message).toContain(`backup '${world.backup}' in store 'small-backups' is not what was judged before`);
    expect(statesOf(stop)).toMatchObject({ preflight: 'succeeded', integrity: 'succeeded', confirm: 'failed', fence: 'blocked', retire: 'blocked' });
    expect((await writesOf(await parentAudit(), since)).map(describeWrite)).toEqual([]);
    await bucket.takeBack(backupKeys(backup.prefix, backup.name).tarball);
  });

  it('the backup is the sealed one again, but the parent still holds CAPI objects of the cluster: exit 4, and its LatticeCluster is not touched', async () => {
    await using management = await parent();
    const uid = await uidOf(management, old);
    const { name, namespace } = CAPI_CLUSTER;
    const left = {
      apiVersion: CAPI_CLUSTER.apiVersion,
      kind: 'Cluster',
      metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
      spec: { paused: true },
    };
    await management.create(left, { fieldManager: 'test', signal: AbortSignal.timeout(10_000) });
    const since = new Date().toISOString();
    const stop = stopOf(await world.cli('resume', ...FENCED), 4);

    expect(stop.error.code).toBe('PARENT_HOLDS_CAPI');
    expect(stop.error.message).toContain("namespace 'capi-small' on the parent still holds CAPI Cluster 'small'");
    expect(statesOf(stop)).toMatchObject({ preflight: 'succeeded', fence: 'succeeded', retire: 'failed', provision: 'blocked' });
    expect((await writesOf(await parentAudit(), since)).map(describeWrite)).toEqual([]);
    expect(await uidOf(management, old)).toBe(uid);
  });

  it('the platform refuses a spec: exit 5 in its own words, what was not started is listed, the rest is applied, and the location of the backups stays ReadOnly', async () => {
    await using management = await parent();
    await management.delete(CAPI_CLUSTER, { signal: AbortSignal.timeout(10_000) });
    const provisioned = stopOf(await world.cli('resume', ...FENCED), 10);
    expect(statesOf(provisioned)).toMatchObject({ retire: 'succeeded', ready: 'succeeded', gitops: 'waiting' });
    {
      await using fresh = await world.open();
      await plantFlux(fresh, AbortSignal.timeout(60_000));
    }
    const gate = stopOf(await world.cli('resume', '--approve', 'gitops'), 10);
    expect(statesOf(gate)).toMatchObject({ gitops: 'succeeded', volumes: 'succeeded', specs: 'waiting' });
    await platformFault({ ...world.operation(), fault: 'refuse', body: { kind: 'LatticeService', namespace: 'shop', name: 'orders-db', message: REFUSAL } });
    const stop = stopOf(await world.cli('resume', '--approve', 'specs'), 5);

    expect(stop.error.code).toBe('KUBE_REFUSED');
    expect(stop.error.message).toContain(REFUSAL);
    expect(stop.error.message).toMatch(/not started \(\d+\):(\n {2}.*)*LatticeService shop\/api/);
    expect(statesOf(stop)).toMatchObject({ volumes: 'succeeded', specs: 'failed', 'verify-health': 'blocked', cutover: 'blocked' });
    await using cluster = await world.open();
    const there = await Promise.all(
      ['shop/orders-db', 'shop/api', 'shop/stock-db', 'front/notifier'].map(async (one) => [one, (await uidOf(cluster, service(one))) !== undefined]),
    );
    expect(Object.fromEntries(there)).toEqual({ 'shop/orders-db': false, 'shop/api': false, 'shop/stock-db': true, 'front/notifier': true });
    // A step that fails gives nothing back: nobody may write beside the backups.
    expect((await cluster.get(LOCATION, AbortSignal.timeout(10_000)))?.spec?.['accessMode']).toBe('ReadOnly');
    const { open } = JSON.parse((await world.cli('holds')).stdout) as HoldList;
    expect(open.map(({ hold }) => hold.id)).toContain(`backup-location/velero/${LOCATION.name}`);
  });

  it('it is allowed again, but a service never becomes ready: exit 6, it is named, and users stay where they are', async () => {
    await platformFault({ ...world.operation(), fault: 'allow', body: { kind: 'LatticeService', namespace: 'shop', name: 'orders-db' } });
    await setUnready(world, true);
    const serial = await world.zoneSerial();
    const stop = stopOf(await world.cli('resume', '--approve', 'specs'), 6);

    expect(stop.error.code).toBe('HEALTH_NOT_PROVEN');
    expect(stop.error.message).toContain(`LatticeService ${UNREADY}`);
    expect(statesOf(stop)).toMatchObject({ specs: 'succeeded', 'verify-health': 'failed', cutover: 'blocked' });
    expect(await world.zoneSerial()).toBe(serial);
  });

  it('what the provisioner had brought to apply all of git was suspended before any volume was there', async () => {
    const entries = (await readAudit((await world.instance()).auditLogPath)).filter(
      ({ verb, code }) => ['create', 'patch', 'update'].includes(verb) && code < 300,
    );
    const suspended = entries.find(({ user, resource, manager }) => user === 'lattice-admin' && resource === 'kustomizations' && manager === 'lattice-dr');
    const claimed = entries.find(({ resource }) => resource === 'persistentvolumeclaims');
    expect(suspended).toMatchObject({ namespace: KUSTOMIZATION.namespace, name: KUSTOMIZATION.name });
    expect(Date.parse(suspended?.endedAt ?? '')).toBeLessThanOrEqual(Date.parse(claimed?.at ?? ''));
  });

  it('it becomes ready: the same run ends with everything back, and no spec was applied twice', async () => {
    await setUnready(world, false);
    const end = await world.cli('resume', '--approve', 'cutover');
    const done = stopOf(end, 0);
    expect(Object.values(statesOf(done)).filter((state) => state !== 'succeeded' && state !== 'skipped')).toEqual([]);
    expect(compareTestimonies(before, await world.testify('after')).filter(({ holds }) => !holds)).toEqual([]);
    const applied = (await writesOf((await world.instance()).auditLogPath)).filter(({ resource }) => resource === 'latticeservices').map(describeWrite);
    expect([...applied].sort()).toEqual(
      ['front/gateway', 'front/notifier', 'shop/api', 'shop/orders-db', 'shop/stock-db', 'shop/worker'].map((name) => `patch latticeservices ${name}`),
    );
  });

  it('Flux stays suspended and its package away while anything that git holds is put aside; then release gives both back, and owns nothing of them', async () => {
    const look = async (ref: ObjectRef) => {
      await using cluster = await world.open();
      return await cluster.get(ref, AbortSignal.timeout(20_000));
    };
    const early = await world.cli('release', '--confirm', 'small');
    expect(early.code, early.stderr.slice(-2_000)).toBe(4);
    const { open } = JSON.parse(early.stdout) as ReleaseResult;
    const waiting = open.filter(({ hold }) => hold.kind === 'gitops');
    expect(waiting.map(({ hold }) => hold.id).toSorted()).toEqual(['kustomization/flux-system/all', 'latticepackage/shop/flux']);
    for (const { reason } of waiting) expect(reason).toContain('GitOps applies all that git says');
    expect((await look(KUSTOMIZATION))?.spec).toEqual({ ...GOING, suspend: true });
    expect(await look(FLUX_PACKAGE)).toBeUndefined();

    await takeFreshBackup(world);
    const last = await world.cli('release', '--confirm', 'small');
    expect(last.code, last.stdout).toBe(0);
    expect(JSON.parse(last.stdout)).toMatchObject({ open: [] });
    const [going, installed] = [await look(KUSTOMIZATION), await look(FLUX_PACKAGE)];
    expect(going?.spec).toEqual(GOING);
    expect(installed?.spec).toMatchObject({ chart: { name: 'flux2' } });
    const managers = [going, installed].map((one) => (one?.metadata.managedFields ?? []).map((entry) => (entry as { readonly manager?: string }).manager));
    expect(managers[0]).not.toContain('lattice-dr');
    expect(managers[1]).toEqual(expect.arrayContaining(['kustomize-controller']));
    expect(managers[1]).not.toContain('lattice-dr');
  });
});

/** Lets the pods of one service answer 503 to the probe of their readiness, or no longer. */
async function setUnready(world: RebuildWorld, unready: boolean): Promise<void> {
  const { id, ports } = await world.instance();
  const body = { workload: UNREADY, unready };
  await callControl({ port: ports.nodeControl, path: '/fault/unready', body, what: `the node of ${id}`, signal: AbortSignal.timeout(10_000) });
}
