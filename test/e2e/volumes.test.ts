import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskOf } from '../../src/backup/disk.ts';
import { digestVolume } from '../../src/lab/apps/volume-data.ts';
import type { RunReport } from '../../src/operations/run-report.ts';
import type { CliEnd } from '../support/cli.ts';
import { volumeDigest, writeToVolume } from '../support/pod-answers.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const ORDERS = 'shop/vol-orders-data';
const STOCK = 'shop/stock-db-data';
const DATABASES = ['orders-db', 'stock-db'];

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

interface Story {
  /** Digests of orders and stock when they were backed up, when the cluster was lost, and afterwards. */
  readonly saved: readonly string[];
  readonly last: readonly string[];
  readonly after: readonly string[];
  readonly policies: readonly unknown[];
  readonly planned: CliEnd;
  readonly end: CliEnd;
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

/** Both databases go on after the backup; then the cluster is lost and its disks are not. Of one of them people know that it is damaged. */
async function play(world: RebuildWorld, saved: readonly string[]): Promise<Story> {
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
    spec.volumes.claims = spec.volumes.claims.map((claim: object) => ({ ...claim, from: 'backup' }));
    spec.objectives.volumes = [{ pvc: STOCK, rpo: '1ms', owner: 'stock' }];
  });
  const planned = await world.cli('plan');
  const end = await world.cli('rebuild', '--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover');
  expect(end.code, end.stderr.slice(-3_000)).toBe(0);
  const report = JSON.parse((await world.cli('report')).stdout) as RunReport;
  const after = await digests(world);
  await using cluster = await world.open();
  const volumes = (await cluster.list({ apiVersion: 'v1', kind: 'PersistentVolume' }, { signal: AbortSignal.timeout(10_000) })) ?? [];
  return { saved, last, after, policies: volumes.map(({ spec }) => spec?.['persistentVolumeReclaimPolicy']), planned, end, report };
}

describe('volumes, one of a living cluster and those of a lost one', () => {
  let world: RebuildWorld;
  let selection: Selection;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    selection = await select(world);
    story = await play(world, selection.before);
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

  it('both volumes outlive their claims until somebody releases them; the one that the first restore made Retain was so before', () => {
    expect(story.report.holds.filter(({ kind }) => kind === 'reclaim-policy').map(({ id, prior }) => [id, prior['policy']])).toEqual([
      [`reclaim-policy/${STOCK}`, 'Delete'],
    ]);
    expect(story.policies).toEqual(['Retain', 'Retain']);
  });

  it('a dry run says the same of the backups beforehand', () => {
    const { steps } = JSON.parse(story.planned.stdout);
    const { changes } = steps.find((step: { readonly id: string }) => step.id === 'sources');
    expect(changes.map(({ subject }: { readonly subject: string }) => subject)).toContainEqual(expect.stringContaining(`volume ${STOCK} from snapshot of`));
  });
});
