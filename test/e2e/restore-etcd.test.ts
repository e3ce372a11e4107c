import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CliEnd } from '../support/cli.ts';
import { nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';

const missing = await nodesMissing();

describe.skipIf(missing !== '')(`restore-etcd on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, () => {
  describe('two of three lost, a survivor newer than the backup', { shuffle: false }, () => {
    let world: PlaneWorld;
    let before = '';
    let refused: CliEnd;
    let restored: CliEnd;

    beforeAll(async () => {
      world = await PlaneWorld.create({ count: 3 });
      await world.create('cp-1', 'early');
      before = await world.clusterId('cp-1');
      refused = await world.restore();
      await world.create('cp-1', 'late');
      for (const name of ['cp-2', 'cp-3']) await world.loseData(name);
      await world.untilNoQuorum('cp-1');
      restored = await world.restore();
    });
    afterAll(async () => await world[Symbol.asyncDispose]());

    it('is refused while etcd has quorum, before anything is touched', () => {
      expect(refused.code, refused.stderr.slice(-3_000)).toBe(4);
      expect(refused.stdout).toContain('ETCD_QUORUM');
    });

    it('comes back', () => {
      expect(restored.code, restored.stderr.slice(-6_000)).toBe(0);
    });

    it('is another cluster to etcd, with three voters of the same names', async () => {
      expect(await world.clusterId('cp-1')).not.toBe(before);
      for (const name of ['cp-1', 'cp-2', 'cp-3']) {
        const members = await world.members(name);
        expect(members.map((member) => member.name).sort()).toEqual(['cp-1', 'cp-2', 'cp-3']);
        expect(members.some((member) => member.isLearner)).toBe(false);
      }
    });

    it('has everything that the survivor had, by each API server', async () => {
      for (const name of ['cp-1', 'cp-2', 'cp-3']) for (const object of ['early', 'late']) expect(await world.has(name, object)).toBe(true);
    });

    it('leaves no lock, and keeps the old data', async () => {
      const { stdout } = await world.nodes.ssh('cp-1', 'ls /var/lib/lattice-dr; ls -d /var/lib/lattice-dr/*/member');
      expect(stdout.split('\n')).not.toContain('lock');
      expect(stdout).toMatch(/\/member\n/);
    });
  });
});
