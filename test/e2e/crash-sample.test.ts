import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCalls, unlistedCalls } from '../crash/destructive-calls.ts';
import { decisionsOf } from '../crash/every-line.ts';
import { runStoppedAt } from '../crash/kill-at.ts';
import { places } from '../crash/places.ts';
import { journalOf, type Recovery, tally, told, witnessRecovery } from '../crash/recovery.ts';
import type { CliEnd } from '../support/cli.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';
import { choose, seeded } from '../support/seeded.ts';

const KILLS = 5;
const SEED = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Jobs that run once, and what the platform makes for them: a rebuild leaves them out, because applying them would run them again. */
const ONE_SHOT = /catalog-migrate|orders-backfill/;

interface Killed {
  readonly at: readonly string[];
  readonly last: CliEnd;
}

/** One place in each fifth of a rebuild. */
function spread(random: () => number): readonly string[] {
  const all = places();
  const length = Math.ceil(all.length / KILLS);
  return Array.from({ length: KILLS }, (_, index) => choose(all.slice(index * length, (index + 1) * length), 1, random)[0] ?? '');
}

async function rebuildKilledAt(world: RebuildWorld, wanted: readonly string[]): Promise<Killed> {
  const left = new Map<string, NodeJS.Signals>(wanted.map((place) => [place, 'SIGKILL']));
  const at: string[] = [];
  for (let verb = 'rebuild'; ; verb = 'resume') {
    const { place, end } = await runStoppedAt(world, left, { args: [verb, ...decisionsOf(world)], log: 'stops' });
    if (place === '') return { at, last: end };
    left.delete(place);
    at.push(place);
  }
}

describe(`the rebuild of 50 services is killed ${KILLS} times (CRASH_SEED=${SEED})`, () => {
  let world: RebuildWorld;
  let recovery: Recovery;
  let killed: Killed;
  const wanted = spread(seeded(SEED));

  beforeAll(async () => {
    world = await RebuildWorld.start('sample');
    ({ recovery, told: killed } = await witnessRecovery(world, async () => await rebuildKilledAt(world, wanted)));
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('comes to the same end: exit 0, the same bytes by name, the same objects', () => {
    expect(killed.at).toEqual(wanted);
    expect(killed.last.code, told(killed.last)).toBe(0);
    expect(recovery.broken).toEqual([]);
    expect(Object.keys(recovery.stateBefore).filter((key) => key.includes('LatticeService '))).toHaveLength(50);
    expect(recovery.stateAfter).toEqual(Object.fromEntries(Object.entries(recovery.stateBefore).filter(([key]) => !ONE_SHOT.test(key))));
  });

  it('the servers saw each destructive effect once, and nothing that the catalogue does not list', () => {
    expect(unlistedCalls(recovery.destroyed)).toEqual([]);
    expect(Object.entries(tally(effectCalls(recovery.destroyed).filter((call) => !call.includes('leases')))).filter(([, count]) => count !== 1)).toEqual([]);
    const services = recovery.writes.child.filter((call) => call.startsWith('patch latticeservices '));
    expect(services).toHaveLength(50);
    expect(new Set(services).size).toBe(50);
    expect(recovery.writes.child.filter((call) => call.startsWith('create restores'))).toHaveLength(1);
  });

  it('the journal tells of every owner', async () => {
    const entries = await journalOf(killed.last);
    expect(entries.filter(({ type }) => type === 'owner')).toHaveLength(KILLS + 1);
    expect(entries.at(-1)).toMatchObject({ type: 'ended', state: 'succeeded' });
  });
});
