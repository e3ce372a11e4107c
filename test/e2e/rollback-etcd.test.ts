import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotManifest } from '../../src/etcd/snapshot-manifest.ts';
import { fillDisk } from '../../src/lab/nodes/machine/faults.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { heldAt } from '../support/plane-kills.ts';
import { heardBy, serversOn } from '../support/plane-seen.ts';
import { PlaneWorld, runOf, told } from '../support/plane-world.ts';

const missing = await nodesMissing();
const MACHINES = ['cp-1', 'cp-2', 'cp-3'] as const;
const LOST = ['cp-2', 'cp-3'] as const;
const SOON = 180_000;
const [SSH, API] = [22, 6443];

/** From the first step that moves data to the last one before the API server is opened: where the run is killed, with its work done or half done. */
const KILLED: readonly { readonly step: string; readonly at: string; readonly isolated?: true }[] = [
  { step: 'preserve', at: 'before|effect-done|preserve|put-aside' },
  { step: 'push', at: 'after|step-started|push' },
  { step: 'restore', at: 'before|step-succeeded|restore' },
  { step: 'install', at: 'before|effect-done|install|install' },
  { step: 'start', at: 'before|step-succeeded|start' },
  { step: 'api', at: 'before|step-succeeded|api', isolated: true },
];

describe.skipIf(missing !== '')(`rollback of a restore of etcd on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let identity = '';
  let manifests: readonly string[] = [];

  const onAll = async (command: string): Promise<readonly string[]> =>
    await Promise.all(MACHINES.map(async (name) => (await world.nodes.ssh(name, command)).stdout));
  const manifestsNow = async (): Promise<readonly string[]> => await onAll('cd /etc/kubernetes/manifests && find . -type f | sort | xargs sha256sum');
  /** All files of the old member, wherever the run has them now. */
  const oldData = async (): Promise<readonly string[]> =>
    await onAll(
      'cd $(dirname $(ls -d /var/lib/etcd/.old-*/member /var/lib/etcd/member 2>/dev/null | head -1)) && find member -type f | sort | xargs sha256sum',
    );

  async function loseQuorum(): Promise<void> {
    for (const name of LOST) await world.misplaceData(name);
    await world.untilNoQuorum('cp-1');
  }

  /** Takes the run back and shows that everything is as it was: files before etcd is started on them, then the cluster, once those are there again that it misses. */
  async function takeBack(): Promise<void> {
    const data = await oldData();
    const rollback = { place: 'before|step-succeeded|put-back', args: ['rollback', '--plan', world.plan, '--confirm', 'workload'] };
    const rolledBack = await heldAt(world, rollback, async () => {
      expect(await onAll('cd /var/lib/etcd && find member -type f | sort | xargs sha256sum')).toEqual(data);
    });
    expect(rolledBack.code, told(rolledBack)).toBe(0);
    expect(await manifestsNow()).toEqual(manifests);
    const left = await onAll('ls -a /var/lib/lattice-dr /var/lib/lattice-dr/jobs /var/lib/etcd 2>/dev/null; nft list tables');
    for (const text of left) expect(text).not.toMatch(/^lock$|^jobs$|^\.lattice-dr|lattice_dr/m);
    // Kept, and in the way of nothing but a small disk.
    await onAll('rm -rf /var/lib/etcd/.old-*');
    for (const name of LOST) await world.findData(name);
    await eventually(async () => (await world.nodes.etcdctl(['cp-1'], 'put', 'probe', 'y')).exitCode === 0, SOON, 'there is quorum again');
    expect(await world.ids('cp-1')).toBe(identity);
    await eventually(async () => await world.has('cp-1', 'early').catch(() => false), SOON, 'the API server has what it had');
  }

  beforeAll(async () => {
    // For logs of the old member, which grow from case to case, and one of the restored one.
    world = await PlaneWorld.create({ count: 3, dataDiskMiB: 1024 });
    await world.endQuickly();
    await eventually(async () => await world.create('cp-1', 'early').then(Boolean, () => false), SOON, 'the API server is there again');
    identity = await world.ids('cp-1');
    manifests = await manifestsNow();
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  /** Who reaches the first machine, and by which ports: that it is heard at all shows that silence on the other is meant. */
  const heard = async (port: number): Promise<readonly string[]> => await heardBy(world, { node: 'cp-1', port }, MACHINES);

  /** Nobody but its own machine reaches the restored API server, and no controller acts on what came back. */
  async function assertIsolated(): Promise<void> {
    expect(await heard(SSH)).toEqual([...MACHINES, 'here']);
    expect(await heard(API)).toEqual(['cp-1']);
    expect(await serversOn(world, 'cp-1')).toEqual(['etcd', 'kube-apiserver']);
    for (const name of LOST) expect(await serversOn(world, name)).toEqual([]);
  }

  it.each(KILLED)('killed in $step, everything is afterwards what it was', async ({ at, isolated }) => {
    await loseQuorum();
    await world.killedAt(at, world.restoreArgs);
    if (isolated === true) await assertIsolated();
    await takeBack();
  });

  it('ENOSPC: no room for what is brought to the first machine: the run fails, and everything is afterwards what it was', async () => {
    await loseQuorum();
    await world.nodes.ssh('cp-1', 'mkdir -p /var/lib/lattice-dr && mount -t tmpfs -o size=4m tmpfs /var/lib/lattice-dr');
    const failed = await world.restore();
    expect(failed.code, told(failed)).not.toBe(0);
    expect(failed.stdout).toContain('push');
    await takeBack();
    // A job that is just ending may still be at home there.
    await eventually(async () => (await world.nodes.ssh('cp-1', 'umount /var/lib/lattice-dr')).exitCode === 0, SOON, 'the small disk is gone');
  });

  it('ENOSPC: no room for what etcdutl writes: the run fails, and everything is afterwards what it was', async () => {
    await loseQuorum();
    const run = await world.killedAt('before|step-succeeded|push', world.restoreArgs);
    const fault = { ...world.nodes.operation, set: world.nodes.set, node: world.nodes.node('cp-1') };
    await fillDisk(fault, 'full');
    const failed = await world.start('resume', run, '--confirm', 'workload').ended;
    expect(failed.code, told(failed)).not.toBe(0);
    expect(failed.stdout).toContain('no space left on device');
    await fillDisk(fault, 'freed');
    await takeBack();
  });

  it('a living etcd is replaced only when a person types that, with what lives saved first; and it comes back too', async () => {
    const writes = async (name: string): Promise<boolean> => (await world.nodes.etcdctl([name], 'put', 'probe', name)).exitCode === 0;
    for (const name of MACHINES) await eventually(async () => await writes(name), SOON, `${name} lives`);
    const taken = await world.takeSnapshot('cp-1', 'before.db');
    expect(taken.code, told(taken)).toBe(0);
    const manifest = async (path: string) => JSON.parse(await readFile(`${path}.manifest.json`, 'utf8')) as SnapshotManifest;
    const { clusterUid = '' } = await manifest(`${world.folder}/snapshots/before.db`);
    await world.create('cp-1', 'lively');
    const waiting = await world.restore('--discard-live-state', '--cluster-uid', clusterUid);
    const run = runOf(waiting);
    const resume = ['resume', run, '--confirm', 'workload', '--attest'];
    for (const end of [waiting, await world.start(...resume, 'discard=so be it').ended]) {
      expect(end.code, told(end)).toBe(10);
      const message: unknown = expect.stringContaining("step 'discard' waits for a statement (discard-live-state)");
      expect(JSON.parse(end.stdout)).toMatchObject({ error: { code: 'GATE_WAITING', message } });
    }
    expect([await world.ids('cp-1'), await world.has('cp-1', 'lively'), await manifestsNow()]).toEqual([identity, true, manifests]);
    const { hashKv } = await manifest(`${world.state}/etcd/${run}/survivor-cp-1.db`);
    for (const name of LOST) expect((await manifest(`${world.state}/etcd/${run}/survivor-${name}.db`)).clusterId).toBe(identity.split(' ')[0]);
    expect(BigInt(hashKv.revision)).toBeGreaterThan(BigInt((await manifest(`${world.folder}/snapshots/before.db`)).revision));
    await world.killedAt('before|step-succeeded|api', [...resume, 'discard=discard-live-state']);
    const { stdout } = await world.nodes.etcdctl(['cp-1'], 'get', '--prefix', '--keys-only', '/registry/configmaps/default/');
    expect([stdout.includes('early'), stdout.includes('lively')]).toEqual([true, false]);
    await takeBack();
    expect(await world.has('cp-1', 'lively')).toBe(true);
  });

  it('is refused from the moment at which the restored API server may have been opened, by the journal and by the machine', async () => {
    await loseQuorum();
    await world.killedAt('before|effect-done|open|open', world.restoreArgs);
    const refused = await world.start('rollback', '--plan', world.plan, '--confirm', 'workload').ended;
    expect(refused.code, told(refused)).not.toBe(0);
    expect(refused.stdout).toContain('ROLLBACK_REFUSED');
    const { stdout } = await world.nodes.ssh('cp-1', 'cat /var/lib/lattice-dr/*/opened; ls -d /var/lib/etcd/.old-*/member');
    expect(stdout).toMatch(/^\d{4}-.*\n.*\/member\n/);
    expect(await world.ids('cp-1')).not.toBe(identity);
    // It is heard by everybody again, and only now.
    expect(await heard(API)).toEqual([...MACHINES, 'here']);
    expect(await serversOn(world, 'cp-1')).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler']);
  });
});
