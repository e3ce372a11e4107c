import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { unlistedCalls } from '../crash/destructive-calls.ts';
import { decisionsOf } from '../crash/every-line.ts';
import { runStoppedAt } from '../crash/kill-at.ts';
import { chooseInterrupts, chooseKills } from '../crash/places.ts';
import { journalOf, type Recovery, tally, told, witnessRecovery } from '../crash/recovery.ts';
import { type DnsEntry, readDnsUpdates } from '../integration/lab-logs.ts';
import type { CliEnd } from '../support/cli.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { seeded } from '../support/seeded.ts';

const STOPS = 10;
const SEED = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const HOST = 'shop.small.lab.test';

/** Destructive calls that the servers may see, each once. */
const DESTRUCTIVE: readonly string[] = ['patch latticeclusters/status small', 'delete latticeclusters small'];
/** A resume takes it again when its run was stopped between giving it back and its end. */
const LEASE = 'leases lattice-system/lattice-dr-small';

interface Stops {
  /** Places where the process really was stopped, in order, and how it ended there. */
  readonly stops: readonly { readonly place: string; readonly end: CliEnd }[];
  readonly last: CliEnd;
}

interface Story extends Stops {
  readonly kills: readonly string[];
  readonly interrupts: readonly string[];
  readonly recovery: Recovery;
  readonly updates: readonly DnsEntry[];
}

/** Starts, is stopped at the first place of the list that it comes by, resumes, and so on until it comes to its end. */
async function ratchet(world: RebuildWorld, wanted: ReadonlyMap<string, 'SIGKILL' | 'SIGINT'>): Promise<Stops> {
  const left = new Map(wanted);
  const stops: { place: string; end: CliEnd }[] = [];
  for (let verb = 'rebuild'; ; verb = 'resume') {
    const { place, end } = await runStoppedAt(world, left, { args: [verb, ...decisionsOf(world)], log: 'stops' });
    if (place === '') return { stops, last: end };
    left.delete(place);
    stops.push({ place, end });
  }
}

async function play(world: RebuildWorld): Promise<Story> {
  const random = seeded(SEED);
  const kills = chooseKills(STOPS, random);
  const interrupts = chooseInterrupts(STOPS, kills, random);
  const updatesBefore = (await readDnsUpdates(world.lab.dns.updateLogPath)).length;
  const wanted = new Map([...kills.map((place) => [place, 'SIGKILL'] as const), ...interrupts.map((place) => [place, 'SIGINT'] as const)]);
  const { recovery, told: stopped } = await witnessRecovery(world, async () => await ratchet(world, wanted));
  const updates = (await readDnsUpdates(world.lab.dns.updateLogPath)).slice(updatesBefore);
  return { kills, interrupts, ...stopped, recovery, updates };
}

describe(`a rebuild is killed ${STOPS} times and interrupted ${STOPS} times (CRASH_SEED=${SEED})`, () => {
  let world: RebuildWorld;
  let story: Story;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    story = await play(world);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('was stopped at every place: by SIGKILL at once, by SIGINT in good order with exit 130', () => {
    const ends = (places_: readonly string[]): readonly unknown[] =>
      story.stops.filter(({ place }) => places_.includes(place)).map(({ end }) => end.signal ?? end.code);
    expect(ends(story.kills)).toEqual(story.kills.map(() => 'SIGKILL'));
    expect(ends(story.interrupts)).toEqual(story.interrupts.map(() => 130));
  });

  it('comes to the same end: exit 0, the same bytes by name, the same objects, the same holds', () => {
    expect(story.last.code, told(story.last)).toBe(0);
    const { broken, holds, stateBefore, stateAfter } = story.recovery;
    expect(broken).toEqual([]);
    expect(holds).toEqual([
      'dnsprovider/lattice-system/small-dns',
      'reclaim-policy/shop/stock-db-data',
      'reclaim-policy/shop/vol-orders-data',
      'backup-location/velero/lattice-small-backups',
      'latticeclusterbackup/lattice-system/small-data',
      'latticeservice/shop/orders-db',
      'latticeservice/shop/stock-db',
    ]);
    expect(stateAfter).toEqual(stateBefore);
  });

  it('every destructive call was accepted by the servers exactly once, and each is an effect of the catalogue', () => {
    const { writes, destroyed, after } = story.recovery;
    const counts = tally(writes.parent);
    for (const call of DESTRUCTIVE) expect(counts[call], call).toBe(1);
    expect(counts[`delete ${LEASE}`]).toBeGreaterThan(0);
    expect(counts[`delete ${LEASE}`]).toBe(counts[`create ${LEASE}`]);
    expect(unlistedCalls(destroyed)).toEqual([]);
    expect(story.updates).toEqual([
      { key: 'lattice-dr', what: `deleting rrset at '${HOST}' A` },
      { key: 'lattice-dr', what: `adding an RR at '${HOST}' A ${after.answers[HOST]?.address}` },
    ]);
  });

  it('nothing was made twice either: one cluster, one restore, each spec applied once', () => {
    const { parent, child } = story.recovery.writes;
    expect(tally(parent)).toMatchObject({ 'create latticeclusters small': 1 });
    expect(child.filter((call) => call.startsWith('create restores'))).toHaveLength(1);
    const services = child.filter((call) => call.startsWith('patch latticeservices '));
    expect(services).toHaveLength(new Set(services).size);
    expect(services).toHaveLength(6);
  });

  it('the journal of all owners is one chain that tells of every stop', async () => {
    const entries = await journalOf(story.last);
    expect(entries.filter(({ type }) => type === 'owner')).toHaveLength(story.stops.length + 1);
    expect(entries.filter((entry) => entry.type === 'ended' && entry.state === 'cancelled')).toHaveLength(story.interrupts.length);
    expect(entries.at(-1)).toMatchObject({ type: 'ended', state: 'succeeded' });
  });
});
