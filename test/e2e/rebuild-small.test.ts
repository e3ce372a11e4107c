import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareTestimonies } from '../../src/lab/demo/compare.ts';
import { startOrder, startsIn } from '../../src/lab/demo/start-order.ts';
import type { Testimony } from '../../src/lab/demo/witness.ts';
import { layoutOf } from '../../src/lab/layout.ts';
import type { KubeObject, ResourceType } from '../../src/model/kube-object.ts';
import type { HoldList } from '../../src/operations/holds.ts';
import type { ReleaseResult } from '../../src/operations/release.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import { type DnsEntry, readDnsUpdates } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { takeFreshBackup } from '../support/fresh-backup.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const HOST = 'shop.small.lab.test';
const DNS_PROVIDER: ResourceType = { apiVersion: 'lattice.dev/v1alpha1', kind: 'DNSProvider' };
const CLUSTER_BACKUP: ResourceType = { apiVersion: 'lattice.dev/v1alpha1', kind: 'LatticeClusterBackup' };
const LOCATION: ResourceType = { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation' };
const SCHEDULE: ResourceType = { apiVersion: 'velero.io/v1', kind: 'Schedule' };
const DEPLOYMENT: ResourceType = { apiVersion: 'apps/v1', kind: 'Deployment' };

/** What users and the cluster see at one moment. */
interface View {
  readonly address: readonly string[];
  readonly serial: number;
  readonly dnsProviders: readonly KubeObject[];
  readonly locations: readonly KubeObject[];
  readonly backups: readonly KubeObject[];
  readonly schedules: readonly KubeObject[];
  readonly deployments: readonly KubeObject[];
}

/** The whole story, played once; every test looks at a part of it. */
interface Story {
  readonly before: Testimony;
  readonly serialBefore: number;
  readonly updatesBefore: number;
  readonly waiting: CliEnd;
  readonly atGate: View;
  readonly resumed: CliEnd;
  readonly afterCutover: View;
  readonly updates: readonly DnsEntry[];
  readonly after: Testimony;
  readonly holds: HoldList;
  readonly report: RunReport;
  readonly tooEarly: CliEnd;
  readonly afterTooEarly: View;
  readonly released: CliEnd;
  readonly afterRelease: View;
}

async function look(world: RebuildWorld): Promise<View> {
  await using cluster = await world.open();
  const list = async (type: ResourceType): Promise<readonly KubeObject[]> => (await cluster.list(type, { signal: AbortSignal.timeout(20_000) })) ?? [];
  const [address, serial, dnsProviders, locations, backups, schedules, deployments] = await Promise.all([
    world.resolver().resolve4(HOST),
    world.zoneSerial(),
    list(DNS_PROVIDER),
    list(LOCATION),
    list(CLUSTER_BACKUP),
    list(SCHEDULE),
    list(DEPLOYMENT),
  ]);
  return { address, serial, dnsProviders, locations, backups, schedules, deployments };
}

/** external-dns comes up by itself some seconds after its DNSProvider. */
async function lookOnceExternalDnsRuns(world: RebuildWorld): Promise<View> {
  for (const until = performance.now() + 30_000; ; await sleep(250)) {
    const view = await look(world);
    const isUp = view.deployments.some(({ metadata, status }) => metadata.namespace === 'external-dns' && status?.['availableReplicas'] === 1);
    if (isUp || performance.now() > until) return view;
  }
}

async function play(world: RebuildWorld): Promise<Story> {
  const before = await world.testify('before');
  const serialBefore = await world.zoneSerial();
  const updatesBefore = (await readDnsUpdates(world.lab.dns.updateLogPath)).length;
  await world.destroy();
  const waiting = await world.cli('rebuild', '--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process');
  const atGate = await look(world);
  const resumed = await world.cli('resume', '--approve', 'cutover');
  const afterCutover = await look(world);
  const updates = (await readDnsUpdates(world.lab.dns.updateLogPath)).slice(updatesBefore);
  const after = await world.testify('after');
  const holds = JSON.parse((await world.cli('holds')).stdout) as HoldList;
  const report = JSON.parse((await world.cli('report')).stdout) as RunReport;
  const tooEarly = await world.cli('release', '--confirm', world.cluster);
  const afterTooEarly = await look(world);
  await takeFreshBackup(world);
  const released = await world.cli('release', '--confirm', world.cluster);
  const afterRelease = await lookOnceExternalDnsRuns(world);
  return {
    before,
    serialBefore,
    updatesBefore,
    waiting,
    atGate,
    resumed,
    afterCutover,
    updates,
    after,
    holds,
    report,
    tooEarly,
    afterTooEarly,
    released,
    afterRelease,
  };
}

describe('a destroyed cluster of six services and two volumes is rebuilt', () => {
  let world: RebuildWorld;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    story = await play(world);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('a separate process gets the same bytes by name as before, from another cluster, and the old processes are dead', () => {
    const findings = compareTestimonies(story.before, story.after);
    expect(findings.length).toBeGreaterThanOrEqual(5);
    expect(findings.filter(({ holds }) => !holds)).toEqual([]);
  });

  it('every record of every database came back, one database by files and one by snapshot', async () => {
    const counts = Object.fromEntries(Object.entries(story.before.databases).map(([workload, { checksums }]) => [workload, checksums.length]));
    expect(counts).toEqual({ 'shop/orders-db': 8, 'shop/stock-db': 8 });
    expect(story.after.databases).toEqual(story.before.databases);
    const log = await readFile(join(layoutOf(world.lab.directory).logs, `${story.after.instance}.node.log`), 'utf8');
    // A data mover of Velero's, of which there is one per volume that comes back by files.
    expect(startsIn(log).filter(({ container, kind }) => container.startsWith('velero/lattice-dr-') && kind === 'programs')).toHaveLength(1);
  });

  it('no application ran on the new cluster before its specs were applied', async () => {
    expect(await startOrder(world.lab.directory, world.name, story.after.instance)).toMatchObject({ holds: true });
  });

  it('stops before the cutover with exit 10 while nobody has approved it', () => {
    expect({ code: story.waiting.code, signal: story.waiting.signal }, story.waiting.stderr.slice(-2_000)).toEqual({ code: 10, signal: null });
    expect(JSON.parse(story.waiting.stdout)).toMatchObject({ state: 'waiting', step: 'cutover', error: { code: 'GATE_WAITING' } });
  });

  it('until the cutover the name gives the old address, the zone is untouched and no DNSProvider is on the new cluster', () => {
    expect(story.atGate.address).toEqual([story.before.answers[HOST]?.address]);
    expect(story.atGate.serial).toBe(story.serialBefore);
    expect(story.atGate.dnsProviders).toEqual([]);
    // The names the test knows are no accident: what it looks for is what the seed made.
    expect(story.atGate.locations).toHaveLength(1);
    expect(story.atGate.backups).toHaveLength(1);
  });

  it('the approved cutover moves the one record in one message, and still applies no DNSProvider', () => {
    expect(story.resumed.code, story.resumed.stderr.slice(-2_000)).toBe(0);
    expect(story.afterCutover.serial).toBeGreaterThan(story.serialBefore);
    expect(story.afterCutover.address).toEqual([story.after.answers[HOST]?.address]);
    expect(story.updates).toEqual([
      { key: 'lattice-dr', what: `deleting rrset at '${HOST}' A` },
      { key: 'lattice-dr', what: `adding an RR at '${HOST}' A ${story.after.answers[HOST]?.address}` },
    ]);
    expect(story.afterCutover.dnsProviders).toEqual([]);
  });

  it('lists what it has put aside, and until it is released nothing writes backups', () => {
    expect(story.holds.open.map(({ hold }) => hold.id)).toEqual([
      'dnsprovider/lattice-system/small-dns',
      'reclaim-policy/shop/stock-db-data',
      'reclaim-policy/shop/vol-orders-data',
      'backup-location/velero/lattice-small-backups',
      'latticeclusterbackup/lattice-system/small-data',
      'latticeservice/shop/orders-db',
      'latticeservice/shop/stock-db',
    ]);
    expect(story.afterCutover.locations.map(({ spec }) => spec?.['accessMode'])).toEqual(['ReadOnly']);
    expect(story.afterCutover.backups.map(({ spec }) => spec?.['paused'])).toEqual([true]);
    // The services' own schedules are not made: one that the platform has made outlives the field that asked for it.
    expect(story.afterCutover.schedules.map(({ metadata }) => metadata.name)).toEqual(['lattice-small-data']);
    expect(story.resumed.stdout).toContain('backup-location/velero/lattice-small-backups');
  });

  it('release leaves the schedules held while this cluster has made no backup of its own, and puts the rest back', () => {
    expect(story.tooEarly.code, story.tooEarly.stderr.slice(-2_000)).toBe(4);
    const early = JSON.parse(story.tooEarly.stdout) as ReleaseResult & { readonly error: { readonly code: string; readonly message: string } };
    expect(early.released.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['dnsprovider/lattice-system/small-dns', 'backup-location/velero/lattice-small-backups']),
    );
    expect(early.released.map(({ kind }) => kind)).not.toContain('backup-schedule');
    expect(early.open.filter(({ hold }) => hold.kind === 'backup-schedule')).toHaveLength(3);
    expect(early.error).toMatchObject({ code: 'RELEASE_REFUSED', message: expect.stringContaining('there is none yet') });
    expect(story.afterTooEarly.locations.map(({ spec }) => spec?.['accessMode'])).toEqual(['ReadWrite']);
    expect(story.afterTooEarly.schedules.map(({ spec }) => spec?.['paused'])).toEqual([true]);
  });

  it('release puts everything back once there is one: the location is writable, the schedule runs, external-dns starts', () => {
    expect(story.released.code, story.released.stderr.slice(-2_000)).toBe(0);
    expect(JSON.parse(story.released.stdout)).toMatchObject({ open: [] });
    const { locations, backups, schedules, dnsProviders, deployments } = story.afterRelease;
    expect(locations.map(({ spec }) => spec?.['accessMode'])).toEqual(['ReadWrite']);
    expect(backups.map(({ spec }) => spec?.['paused'] ?? false)).toEqual([false]);
    expect(schedules.find(({ metadata }) => metadata.name === 'lattice-small-data')?.spec?.['paused'] ?? false).toBe(false);
    expect(schedules.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'lattice-small-data',
      'lattice-svc-shop-orders-db',
      'lattice-svc-shop-stock-db',
    ]);
    expect(dnsProviders.map(({ metadata }) => metadata.name)).toEqual(['small-dns']);
    expect(deployments.find(({ metadata }) => metadata.namespace === 'external-dns')?.status?.['availableReplicas']).toBe(1);
  });

  it('the report says how long it took, what is lost and what a person did, as JSON and Markdown beside the run', async () => {
    const { report } = story;
    expect(report).toMatchObject({ state: 'succeeded', resumes: 1, rto: { met: true } });
    expect(report.rto.elapsedMs).toBeGreaterThan(0);
    expect(report.phases.map(({ phase }) => phase)).toEqual(
      expect.arrayContaining(['prepare', 'fence', 'cluster', 'secrets', 'volumes', 'specs', 'health', 'dns']),
    );
    expect(report.people.map(({ what }) => what)).toEqual(expect.arrayContaining(['fence-writes: attested', 'cutover: approved']));
    // One came back by files and the other by snapshot, so each has lines of its own.
    expect(report.lost.map(({ what }) => what).toSorted()).toEqual(['writes to shop/stock-db-data', 'writes to shop/vol-orders-data']);
    const folder = join(report.location, 'runs', report.run, 'evidence');
    const [saved, markdown] = await Promise.all([readFile(join(folder, 'report.json'), 'utf8'), readFile(join(folder, 'report.md'), 'utf8')]);
    expect(JSON.parse(saved)).toEqual(report);
    expect(markdown).toContain(report.run);
    expect(markdown).toContain('DNSProvider lattice-system/small-dns is not applied');
  });
});
