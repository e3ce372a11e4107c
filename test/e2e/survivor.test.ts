import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunReport } from '../../src/operations/run-report.ts';
import type { CliEnd } from '../support/cli.ts';
import { volumeDigest, writeToVolume } from '../support/pod-answers.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const ORDERS = 'shop/vol-orders-data';
const STOCK = 'shop/stock-db-data';
const DATABASES = ['orders-db', 'stock-db'];

interface Story {
  /** Digests of orders and stock when they were backed up, when the cluster was lost, and afterwards. */
  readonly saved: readonly string[];
  readonly last: readonly string[];
  readonly after: readonly string[];
  readonly planned: CliEnd;
  readonly end: CliEnd;
  readonly report: RunReport;
}

async function digests(world: RebuildWorld): Promise<readonly string[]> {
  await using cluster = await world.open();
  return await Promise.all(DATABASES.map((name) => volumeDigest(cluster, 'shop', name)));
}

/** Both databases go on after the backup; then the cluster is lost and its disks are not. Of one of them people know that it is damaged. */
async function play(world: RebuildWorld): Promise<Story> {
  const saved = await digests(world);
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
    spec.volumes.claims = [{ pvc: STOCK, from: 'backup' }];
    spec.objectives.volumes = [{ pvc: STOCK, rpo: '1ms', owner: 'stock' }];
  });
  const planned = await world.cli('plan');
  const end = await world.cli('rebuild', '--confirm', world.cluster, '--attest', 'fence-writes=the lab has ended every process', '--approve', 'cutover');
  expect(end.code, end.stderr.slice(-3_000)).toBe(0);
  const report = JSON.parse((await world.cli('report')).stdout) as RunReport;
  return { saved, last, after: await digests(world), planned, end, report };
}

describe('disks that have outlived their cluster', () => {
  let world: RebuildWorld;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    story = await play(world);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('come back with every write, and what comes from the backup instead is as old as that', () => {
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

  it('the volumes of both outlive their claims until somebody releases them', () => {
    expect(story.report.holds.filter(({ kind }) => kind === 'reclaim-policy').map(({ id, prior }) => [id, prior['policy']])).toEqual([
      [`reclaim-policy/${ORDERS}`, 'Delete'],
      [`reclaim-policy/${STOCK}`, 'Delete'],
    ]);
  });

  it('a dry run says the same of the backups beforehand', () => {
    const { steps } = JSON.parse(story.planned.stdout);
    const { changes } = steps.find((step: { readonly id: string }) => step.id === 'sources');
    expect(changes.map(({ subject }: { readonly subject: string }) => subject)).toContainEqual(expect.stringContaining(`volume ${STOCK} from snapshot of`));
  });
});
