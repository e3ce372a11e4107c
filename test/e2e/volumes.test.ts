import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskOf } from '../../src/backup/disk.ts';
import { digestVolume } from '../../src/lab/apps/volume-data.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { takeBackup } from '../../src/lab/seed/take-backup.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import { destructiveCalls, effectCalls, logPosition, unlistedCalls } from '../crash/destructive-calls.ts';
import { type AuditEntry, readAudit } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { volumeDigest, writeToVolume } from '../support/pod-answers.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { describeWrite, writesOf } from '../support/written.ts';

const ORDERS = 'shop/vol-orders-data';
const STOCK = 'shop/stock-db-data';
const DATABASES = ['orders-db', 'stock-db'];
/** A chart of the lab that keeps data: no spec in git knows of the StatefulSet that it installs, nor of the claim of that. */
const PACKAGE: KubeObject = {
  apiVersion: 'lattice.dev/v1alpha1',
  kind: 'LatticePackage',
  metadata: { namespace: 'shop', name: 'cache' },
  spec: { chart: { repository: 'oci://registry.lab.test/charts', name: 'cache', version: '1.0.0' }, targetNamespace: 'shop' },
};
const CHART_CLAIM = 'shop/data-cache-0';
const KEPT = 'reclaim-policy/kept/';
const STORE = 'lattice-system/small-backups';
/** Nobody knows this field: the two that there are end otherwise. */
const PRUNED = { field: 'credentialSecretRef', name: `BackupStore/${STORE}:spec.storage.credentialSecretRef` };

/** One volume brought back into the living cluster, and what stands beside it afterwards. */
interface Selection {
  readonly before: readonly string[];
  readonly written: readonly string[];
  readonly unconfirmed: CliEnd;
  readonly meanwhile: readonly string[];
  readonly end: CliEnd;
  readonly after: readonly string[];
  /** Digest of the volume that was kept. */
  readonly kept: string;
}

/** Service and namespace brought back, each while a volume beside them holds what was written after the backup. */
interface Wider {
  readonly written: readonly string[];
  readonly service: CliEnd;
  readonly afterService: readonly string[];
  readonly namespace: CliEnd;
  readonly afterNamespace: readonly string[];
  /** Claims of the volumes that were kept, by the run that kept them. */
  readonly kept: Readonly<Record<'service' | 'namespace', readonly string[]>>;
}

interface Story {
  /** Digests of orders and stock when they were backed up, when the cluster was lost, and afterwards. */
  readonly saved: readonly string[];
  readonly last: readonly string[];
  readonly after: readonly string[];
  readonly policies: readonly unknown[];
  /** Digest of the chart's volume when it was backed up, and once the run had installed the chart again. */
  readonly chart: readonly string[];
  /** When, on the new cluster, the chart's claim was first written, and its StatefulSet. */
  readonly firstWritten: Readonly<Record<'claim' | 'set', AuditEntry | undefined>>;
  readonly planned: CliEnd;
  /** The rebuild before anybody has accepted to lose a field, and what it has written on the parent. */
  readonly refused: CliEnd;
  readonly writtenBefore: readonly string[];
  readonly end: CliEnd;
  /** `spec.storage` of the store on the new cluster. */
  readonly storage: JsonObject;
  readonly report: RunReport;
}

async function digests(world: RebuildWorld): Promise<readonly string[]> {
  await using cluster = await world.open();
  return await Promise.all(DATABASES.map((name) => volumeDigest(cluster, 'shop', name)));
}

async function select(world: RebuildWorld): Promise<Selection> {
  const before = await digests(world);
  {
    await using cluster = await world.open();
    for (const name of DATABASES) await writeToVolume(cluster, `shop/${name}`, { name: 'a-bad-write', content: 'this is why it is restored' });
  }
  const written = await digests(world);
  const unconfirmed = await world.cli('restore', '--volume', ORDERS);
  const meanwhile = await digests(world);
  const end = await world.cli('resume', '--confirm', world.cluster);
  const after = await digests(world);
  await using cluster = await world.open();
  const volumes = (await cluster.list({ apiVersion: 'v1', kind: 'PersistentVolume' }, { signal: AbortSignal.timeout(10_000) })) ?? [];
  const kept = diskOf(volumes.find(({ metadata }) => metadata.name.startsWith('lattice-dr-kept-'))?.spec)?.handle ?? '';
  return { before, written, unconfirmed, meanwhile, end, after, kept: (await digestVolume({ name: 'data', path: kept, owned: false })).digest };
}

/** What a run holds: the claims whose old volumes are kept under another name. */
function keptBy({ stdout }: CliEnd): readonly string[] {
  const { holds } = JSON.parse(stdout) as { readonly holds: readonly { readonly id: string }[] };
  return holds.flatMap(({ id }) => (id.startsWith(KEPT) ? [id.slice(KEPT.length)] : [])).toSorted();
}

/** Orders has a bad write again and stock still has its first: the service that owns stock is restored, and then the namespace of both. */
async function selectWider(world: RebuildWorld): Promise<Wider> {
  {
    await using cluster = await world.open();
    await writeToVolume(cluster, 'shop/orders-db', { name: 'another-bad-write', content: 'nobody asked for orders' });
  }
  const written = await digests(world);
  const service = await world.cli('restore', '--service', 'shop/stock-db', '--confirm', world.cluster);
  const afterService = await digests(world);
  {
    await using cluster = await world.open();
    await writeToVolume(cluster, 'shop/stock-db', { name: 'another-bad-write', content: 'both are restored now' });
  }
  const namespace = await world.cli('restore', '--namespace', 'shop', '--confirm', world.cluster);
  const afterNamespace = await digests(world);
  return { written, service, afterService, namespace, afterNamespace, kept: { service: keptBy(service), namespace: keptBy(namespace) } };
}

/** Somebody misspells the credentials of the store, in git. */
async function misspell(repository: string): Promise<void> {
  const file = join(repository, 'clusters', 'small', 'backups.yaml');
  const known = '    cloudProviderRef: lab-s3\n';
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(known, `${known}    ${PRUNED.field}: velero-keys\n`));
  await commitAll(repository, 'name the credentials of the store');
}

async function commitAll(repository: string, message: string): Promise<void> {
  const git = async (...args: readonly string[]) =>
    await promisify(execFile)('git', ['-C', repository, '-c', 'user.name=Ann', '-c', 'user.email=ann@lab.test', ...args]);
  await git('add', '--all');
  await git('commit', '--quiet', '--message', message);
}

/** A package is in git and on the cluster, its chart installed, and all is saved with it. Gives the digest of the chart's volume, as its pod says. */
async function saveChart(world: RebuildWorld): Promise<string> {
  await writeFile(join(world.paths.repository, 'services', 'shop', 'cache.yaml'), JSON.stringify(PACKAGE));
  await commitAll(world.paths.repository, 'a package that keeps data');
  await using cluster = await world.open();
  await cluster.apply(PACKAGE, { fieldManager: 'kustomize-controller', signal: AbortSignal.timeout(10_000) });
  const digest = await volumeDigest(cluster, 'shop', 'cache');
  const sealed = await world.cli('backup', 'seal', await takeBackup(cluster, 'lattice-small-data', AbortSignal.timeout(120_000)));
  expect(sealed.code, sealed.stderr.slice(-2_000)).toBe(0);
  return digest;
}

/** The first accepted write of the chart's claim and of its StatefulSet, as the new cluster's own audit log tells it. */
async function firstWrites(world: RebuildWorld): Promise<Story['firstWritten']> {
  const entries = await readAudit((await world.instance()).auditLogPath, '"namespace":"shop"');
  const first = (resource: string, name: string) =>
    entries.find((entry) => entry.resource === resource && entry.name === name && ['create', 'patch', 'update'].includes(entry.verb) && entry.code < 300);
  return { claim: first('persistentvolumeclaims', 'data-cache-0'), set: first('statefulsets', 'cache') };
}

/** Both databases go on after the backup; then the cluster is lost and its disks are not. Of one of them people know that it is damaged. */
async function play(world: RebuildWorld, saved: readonly string[]): Promise<Story> {
  const chart = await saveChart(world);
  const baseline = await world.cli('baseline');
  expect(baseline.code, baseline.stderr.slice(-2_000)).toBe(0);
  {
    await using cluster = await world.open();
    for (const name of DATABASES) await writeToVolume(cluster, `shop/${name}`, { name: 'after-the-backup', content: `written to ${name}` });
  }
  const last = await digests(world);
  await world.destroy({ keepDisks: true });
  await world.editPlan((spec) => {
    for (const probe of spec.health) probe.expect = { status: 200 };
    // It is a database that has to be recovered too.
    spec.volumes.claims = [...spec.volumes.claims, { pvc: CHART_CLAIM }].map((claim: object) => ({ ...claim, from: 'backup' }));
    spec.objectives.volumes = [{ pvc: STOCK, rpo: '1ms', owner: 'stock' }];
  });
  const planned = await world.cli('plan');
  await misspell(world.paths.repository);
  const since = new Date().toISOString();
  const decided = ['--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover'];
  const refused = await world.cli('rebuild', ...decided);
  const writtenBefore = (await writesOf((await world.instance(world.lab.parent)).auditLogPath, since)).map(describeWrite);
  const end = await world.cli('resume', ...decided, '--accept-pruned', PRUNED.name);
  expect(end.code, end.stderr.slice(-3_000)).toBe(0);
  const report = JSON.parse((await world.cli('report')).stdout) as RunReport;
  const after = await digests(world);
  await using cluster = await world.open();
  const volumes = (await cluster.list({ apiVersion: 'v1', kind: 'PersistentVolume' }, { signal: AbortSignal.timeout(10_000) })) ?? [];
  const [namespace = '', name = ''] = STORE.split('/');
  const store = await cluster.get({ ...TYPES.BackupStore, namespace, name }, AbortSignal.timeout(10_000));
  const storage = (store?.spec?.['storage'] ?? {}) as JsonObject;
  const policies = volumes.map(({ spec }) => spec?.['persistentVolumeReclaimPolicy']);
  const again = await volumeDigest(cluster, 'shop', 'cache');
  return { saved, last, after, policies, chart: [chart, again], firstWritten: await firstWrites(world), planned, refused, writtenBefore, end, storage, report };
}

describe('volumes, one of a living cluster and those of a lost one', () => {
  let world: RebuildWorld;
  let selection: Selection;
  let wider: Wider;
  let story: Story;
  /** What the servers saw deleted or replaced in the living cluster, and in the rebuild. */
  let calls: Readonly<Record<'selected' | 'rebuilt', readonly string[]>>;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    const start = await logPosition(world);
    selection = await select(world);
    wider = await selectWider(world);
    const selected = await destructiveCalls(world, start);
    const lost = await logPosition(world);
    story = await play(world, selection.before);
    calls = { selected, rebuilt: await destructiveCalls(world, lost) };
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('a volume is restored into the living cluster by its typed name only, and nothing else is touched', () => {
    const { before, written, unconfirmed, meanwhile, end, after } = selection;
    expect(written[0]).not.toBe(before[0]);
    expect(unconfirmed.code, unconfirmed.stderr.slice(-2_000)).toBe(10);
    expect(meanwhile).toEqual(written);
    expect(end.code, end.stderr.slice(-3_000)).toBe(0);
    expect(after).toEqual([before[0], written[1]]);
  });

  it('what it held before is kept on a volume of another name, and listed', () => {
    expect(selection.kept).toBe(selection.written[0]);
    const { holds } = JSON.parse(selection.end.stdout);
    expect(holds.map(({ id }: { readonly id: string }) => id)).toContain(`reclaim-policy/kept/${ORDERS}`);
  });

  it('a service is restored by its name: the volume that it owns, and not the one of the service beside it', () => {
    const { before } = selection;
    const { written, service, afterService, kept } = wider;
    expect(service.code, service.stderr.slice(-3_000)).toBe(0);
    expect(written[0]).not.toBe(before[0]);
    expect(written[1]).not.toBe(before[1]);
    expect(afterService).toEqual([written[0], before[1]]);
    expect(kept.service).toEqual([STOCK]);
  });

  it('a namespace is restored by its name: every volume in it, and what each held is kept', () => {
    const { namespace, afterNamespace, kept } = wider;
    expect(namespace.code, namespace.stderr.slice(-3_000)).toBe(0);
    expect(afterNamespace).toEqual(selection.before);
    expect(kept.namespace).toEqual([STOCK, ORDERS]);
  });

  it('disks that have outlived their cluster come back with every write, and what comes from the backup instead is as old as that', () => {
    const { saved, last, after } = story;
    expect(last[0]).not.toBe(saved[0]);
    expect(after).toEqual([last[0], saved[1]]);
  });

  it('the choice, the minutes lost and the objective are in the result and in the report', () => {
    const { end, report } = story;
    const { steps } = JSON.parse(end.stdout);
    const outputsOf = (id: string) => steps.find((step: { readonly id: string }) => step.id === id).outputs;
    expect(outputsOf('volumes').volumes).toEqual([
      { claim: CHART_CLAIM, volume: expect.any(String), path: expect.any(String), from: 'snapshot', minutesLost: expect.any(Number) },
      { claim: STOCK, volume: expect.any(String), path: expect.any(String), from: 'snapshot', minutesLost: expect.any(Number) },
      { claim: ORDERS, volume: expect.any(String), path: expect.stringContaining('/disks/'), from: 'survivor', minutesLost: 0 },
    ]);
    expect(report.lost).toContainEqual({
      what: `writes to ${STOCK}`,
      why: expect.stringMatching(/^made after snapshot of lattice-small-data-\d{14} .*, more than the objective of/),
      minutes: expect.any(Number),
    });
    expect(report.lost.some(({ what }) => what.includes(ORDERS))).toBe(false);
  });

  it('the volume of a chart’s StatefulSet is back, with its bytes proven, before the run’s package installs the chart, which takes it as it is', () => {
    expect(story.chart[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(story.chart[1]).toBe(story.chart[0]);
    const { claim, set } = story.firstWritten;
    const at = (time: string | undefined): number => Date.parse(time ?? '');
    const proven = at(story.report.steps.find(({ id }) => id === 'volumes')?.endedAt);
    expect(set).toMatchObject({ user: 'lattice-operator', manager: 'lattice-package-controller' });
    expect(at(claim?.endedAt)).toBeLessThanOrEqual(proven);
    expect(proven).toBeLessThanOrEqual(at(set?.at));
  });

  it('all volumes outlive their claims until somebody releases them; those that a restore had made Retain were so before', () => {
    expect(story.report.holds.filter(({ kind }) => kind === 'reclaim-policy').map(({ id, prior }) => [id, prior['policy']])).toEqual([
      [`reclaim-policy/${CHART_CLAIM}`, 'Delete'],
    ]);
    expect(story.policies).toEqual(['Retain', 'Retain', 'Retain']);
  });

  it('a field of the store that the platform would drop stops the rebuild before anything is done: exit 3, and where it is', () => {
    const { refused, writtenBefore } = story;
    expect(refused.code, refused.stderr.slice(-2_000)).toBe(3);
    const { error } = JSON.parse(refused.stdout);
    expect(error.code).toBe('PRUNED_FIELDS');
    expect(error.message).toMatch(/clusters\/small\/backups\.yaml:\d+: BackupStore.*credentialSecretRef \(says where something is, or who may reach it/);
    expect(error.suggestions).toContainEqual(expect.stringContaining(`--accept-pruned '${PRUNED.name}'`));
    expect(writtenBefore).toEqual(['create leases lattice-system/lattice-dr-small']);
  });

  it('once that is accepted it goes on without the field, and the report has whose word it was', () => {
    const { end, report, storage } = story;
    const { steps } = JSON.parse(end.stdout);
    expect(steps.find((step: { readonly id: string }) => step.id === 'specs').outputs.dropped).toEqual([PRUNED.name]);
    expect(storage).toMatchObject({ cloudProviderRef: 'lab-s3' });
    expect(storage).not.toHaveProperty(PRUNED.field);
    expect(report.decisions).toContainEqual(expect.objectContaining({ decision: 'accepted', how: 'flag', text: `${PRUNED.name} is pruned` }));
  });

  it('what the servers saw deleted or replaced, by three restores and by the rebuild, is all in the catalogue', () => {
    expect(unlistedCalls(calls.selected)).toEqual([]);
    expect(unlistedCalls(calls.rebuilt)).toEqual([]);
    expect(effectCalls(calls.selected)).toContain(`child: delete persistentvolumeclaims ${STOCK}`);
    expect(effectCalls(calls.rebuilt)).toContain(`parent: delete latticeclusters ${world.cluster}`);
  });

  it('a dry run says the same of the backups beforehand', () => {
    const { steps } = JSON.parse(story.planned.stdout);
    const { changes } = steps.find((step: { readonly id: string }) => step.id === 'sources');
    expect(changes.map(({ subject }: { readonly subject: string }) => subject)).toContainEqual(expect.stringContaining(`volume ${STOCK} from snapshot of`));
  });
});
