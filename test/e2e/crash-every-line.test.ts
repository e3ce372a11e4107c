import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectCalls, unlistedCalls } from '../crash/destructive-calls.ts';
import { type Ratchet, rebuildKilledEverywhere } from '../crash/every-line.ts';
import { journalOf, type Recovery, tally, told, witnessRecovery } from '../crash/recovery.ts';
import { placeOf } from '../support/journal-places.ts';
import { RebuildWorld } from '../support/rebuild-world.ts';

const LEASE = 'leases lattice-system/lattice-dr-small';

describe('a rebuild is killed at every line of its journal, one after the other', () => {
  let world: RebuildWorld;
  let recovery: Recovery;
  let ratchet: Ratchet;

  beforeAll(async () => {
    world = await RebuildWorld.start('small');
    ({ recovery, told: ratchet } = await witnessRecovery(world, async () => await rebuildKilledEverywhere(world)));
    console.log(`killed ${ratchet.lives.length - 1} times; ${Math.round(ratchet.lives.reduce((sum, ms) => sum + ms, 0) / 1_000)} s in all`);
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('was killed before every line that its journal holds, and after each that something is done upon', async () => {
    const lines = new Set((await journalOf(ratchet.last)).filter(({ type }) => type !== 'alive').map(placeOf));
    const missed = [...lines].filter((line) => !ratchet.places.includes(`before|${line}`));
    expect(missed).toEqual([]);
    const acted = [...lines].filter((line) => /^(?:step-started|effect-intent|held)\b/.test(line));
    expect(acted.filter((line) => !ratchet.places.includes(`after|${line}`))).toEqual([]);
    expect(ratchet.lives.length).toBeGreaterThan(60);
  });

  it('comes to the same end: exit 0, the same bytes by name, the same objects, the same holds', () => {
    expect(ratchet.last.code, told(ratchet.last)).toBe(0);
    expect(recovery.broken).toEqual([]);
    expect(recovery.stateAfter).toEqual(recovery.stateBefore);
    expect(recovery.holds).toEqual([
      'dnsprovider/lattice-system/small-dns',
      'reclaim-policy/shop/stock-db-data',
      'reclaim-policy/shop/vol-orders-data',
      'backup-location/velero/lattice-small-backups',
      'latticeclusterbackup/lattice-system/small-data',
      'latticeservice/shop/orders-db',
      'latticeservice/shop/stock-db',
    ]);
  });

  it('was killed between each destructive effect and the line that tells of it, and the servers saw each effect once', () => {
    const effects = ratchet.places.filter((place) => place.startsWith('after|effect-intent|')).map((place) => place.split('|').slice(2).join('|'));
    expect(effects).toEqual(expect.arrayContaining(['retire|mark-unpivoted', 'retire|delete-latticecluster', 'cutover|move-record', 'unlock|delete-lease']));
    for (const effect of effects) expect(ratchet.places).toContain(`before|effect-done|${effect}`);
    expect(unlistedCalls(recovery.destroyed)).toEqual([]);
    const counts = tally(effectCalls(recovery.destroyed).filter((call) => !call.includes(LEASE)));
    expect(Object.entries(counts).filter(([, count]) => count !== 1)).toEqual([]);
  });

  it('made nothing twice; the lock, which a run takes again that is resumed after it has let go, is let go as often as it was taken', () => {
    const { parent, child } = { parent: tally(recovery.writes.parent), child: tally(recovery.writes.child) };
    expect(parent['create latticeclusters small']).toBe(1);
    expect(parent[`delete ${LEASE}`]).toBe(parent[`create ${LEASE}`]);
    const repeated = Object.entries(child).filter(([call, count]) => count !== 1 && /latticeservices|restores|backups|secrets/.test(call));
    expect(repeated).toEqual([]);
  });
});
