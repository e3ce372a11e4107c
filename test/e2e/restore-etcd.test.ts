import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotManifest } from '../../src/etcd/snapshot-manifest.ts';
import { skewClock } from '../../src/lab/nodes/machine/faults.ts';
import type { SnapshotSource } from '../../src/steps/etcd/source-schema.ts';
import { sha256Of } from '../integration/etcd-damage.ts';
import type { CliEnd } from '../support/cli.ts';
import { nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld, told } from '../support/plane-world.ts';

const missing = await nodesMissing();

describe.skipIf(missing !== '')(`restore-etcd on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, () => {
  describe('two of three lost, a survivor newer than the backup', { shuffle: false }, () => {
    let world: PlaneWorld;
    let before = '';
    let run = '';
    let restored: CliEnd;

    const outputsOf = (step: string): unknown =>
      (JSON.parse(restored.stdout) as { readonly steps: readonly { readonly id: string; readonly outputs?: unknown }[] }).steps.find(({ id }) => id === step)
        ?.outputs;
    const kept = (file: string): string => `/var/lib/lattice-dr/${run}/${file}`;

    beforeAll(async () => {
      world = await PlaneWorld.create({ count: 3 });
      await world.create('cp-1', 'early');
      before = await world.clusterId('cp-1');
      const taken = await world.takeSnapshot('cp-1', 'backup.db');
      expect(taken.code, told(taken)).toBe(0);
      await world.create('cp-1', 'late');
      await world.loseData('cp-2');
      await world.misplaceData('cp-3');
      await world.untilNoQuorum('cp-1');
      run = await world.killedAt('before|step-succeeded|push', world.restoreArgs);
      // Before that the run would have been refused. As its programs tell the time; what the kernel tells cannot be set for one machine alone.
      await skewClock({ ...world.nodes.operation, set: world.nodes.set, node: world.nodes.node('cp-2') }, 3_600);
      await world.nodes.ssh('cp-1', `truncate -s 20000 ${kept('prepared.db')}`);
      await world.killedAt('after|step-started|grow', ['resume', run, '--confirm', 'workload']);
      await world.findData('cp-3');
      restored = await world.start('resume', run, '--confirm', 'workload').ended;
    });
    afterAll(async () => await world[Symbol.asyncDispose]());

    it('comes back', () => {
      expect(restored.code, restored.stderr.slice(-6_000)).toBe(0);
    });

    it('was restored from the survivor, and the backup was passed over because it is older', async () => {
      const chosen = outputsOf('choose') as SnapshotSource | undefined;
      expect(chosen).toMatchObject({ kind: 'survivor', node: 'cp-1', verdict: 'proven' });
      const { revision } = JSON.parse(await readFile(`${world.folder}/snapshots/backup.db.manifest.json`, 'utf8')) as SnapshotManifest;
      expect(chosen?.passedOver).toEqual([expect.stringMatching(new RegExp(`backup\\.db: revision ${revision}, which is older$`))]);
      expect(BigInt(chosen?.revision ?? '0')).toBeGreaterThan(BigInt(revision));
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

    it('a truncated upload: the snapshot is sent again that was cut off on the machine', async () => {
      const { stdout } = await world.nodes.ssh('cp-1', `sha256sum < ${kept('prepared.db')}`);
      expect(stdout.split(' ')[0]).toBe(sha256Of(await readFile(`${world.state}/etcd/${run}/prepared.db`)));
    });

    it('leftover data on a joiner: what was found again there is moved aside, and nothing of it is merged', async () => {
      const { stdout } = await world.nodes.ssh('cp-3', 'ls -d /var/lib/etcd/.left-*/snap/db /var/lib/etcd/member/snap/db');
      expect(stdout.trim().split('\n')).toHaveLength(2);
      expect(await world.clusterId('cp-3')).toBe(await world.clusterId('cp-1'));
    });

    it('a clock that goes an hour ahead in the middle: it came back all the same, and the diagnosis tells it', async () => {
      const { stdout, stderr } = await world.start('diagnose', '--plan', world.plan).ended;
      expect(stdout, stderr.slice(-3_000)).toMatch(/its clock is 3[56]\d\d s ahead/);
    });

    it('leaves a fresh snapshot of what was restored, which is proven', async () => {
      const { path, sha256, revision } = outputsOf('backup') as { readonly path: string; readonly sha256: string; readonly revision: string };
      const manifest = JSON.parse(await readFile(`${path}.manifest.json`, 'utf8')) as SnapshotManifest;
      expect(manifest).toMatchObject({ sha256, revision, clusterId: await world.clusterId('cp-1') });
      expect(sha256Of(await readFile(path))).toBe(sha256);
      const judged = await world.start('etcd', 'snapshot', 'verify', path, '--binaries', world.binaries, '--cluster-uid', manifest.clusterUid ?? '').ended;
      expect(judged.code, told(judged)).toBe(0);
      expect(JSON.parse(judged.stdout)).toMatchObject({ verdict: 'proven' });
    });

    it('leaves no lock, and keeps the old data', async () => {
      const { stdout } = await world.nodes.ssh('cp-1', 'ls /var/lib/lattice-dr; ls -d /var/lib/lattice-dr/*/member');
      expect(stdout.split('\n')).not.toContain('lock');
      expect(stdout).toMatch(/\/member\n/);
    });
  });
});
