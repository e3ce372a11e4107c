import { rename } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import type { CliEnd } from '../support/cli.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld, told } from '../support/plane-world.ts';

const missing = await nodesMissing();
const OLD = ['cp-2', 'cp-3'] as const;
const SOON = 180_000;

/**
 * Two of three were switched off with their disks whole, and a person took them for dead. One control plane, in order. Its etcd is of an older minor version than the one whose
 * programs the operator has beside them, each in a folder of its own.
 */
describe.skipIf(missing !== '')(`an old majority that comes back${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let old = '';
  let ours = '';
  let run = '';
  let stranger: CliEnd;
  let definitions = '';

  const errorOf = ({ stdout }: CliEnd) =>
    (JSON.parse(stdout) as { readonly error?: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] } }).error;
  const off = async (): Promise<unknown> => await Promise.all(OLD.map(async (name) => await powerOff(world.nodes.node(name), world.nodes.operation)));
  const on = async (): Promise<unknown> =>
    await Promise.all(OLD.map(async (name) => await powerOn(world.nodes.set, world.nodes.node(name), world.nodes.operation)));
  const isIn = async (node: string, object: string): Promise<boolean> =>
    (await world.nodes.etcdctl([node], 'get', '--keys-only', `/registry/configmaps/default/${object}`)).stdout.includes(object);

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, etcd: '3.5' });
    await world.create('cp-1', 'early');
    old = await world.clusterId('cp-1');
    await off();
    await world.untilNoQuorum('cp-1');
    run = await world.killedAt('after|step-started|fence', [...world.restoreArgs, '--attest-dead', 'cp-2', '--attest-dead', 'cp-3']);
    const [prepared, elsewhere] = [`${world.state}/etcd/${run}/prepared.db`, `${world.folder}/prepared.db`];
    await rename(prepared, elsewhere);
    stranger = await (await world.startElsewhere('resume', run, '--confirm', 'workload')).ended;
    definitions = (await world.nodes.ssh('cp-1', 'ls /etc/kubernetes/manifests')).stdout;
    await rename(elsewhere, prepared);
    await world.killedAt('before|step-succeeded|api', ['resume', run, '--confirm', 'workload']);
    ours = await world.ids('cp-1');
    await on();
    await eventually(async () => (await world.nodes.etcdctl([...OLD], 'put', 'probe', 'x')).exitCode === 0, SOON, 'the old members have quorum');
    await eventually(async () => await world.create('cp-2', 'ghost').then(Boolean, () => false), SOON, 'their API server takes writes');
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('a run that goes on on another machine says that it needs the snapshot it had prepared, and stops nothing', () => {
    const error = errorOf(stranger);
    expect([stranger.code, error?.code], told(stranger)).toEqual([3, 'INPUT_INVALID']);
    expect(error?.message).toMatch(/prepared\.db, which this run has prepared, is not on this machine, and cp-1 does not have it yet/);
    expect(error?.suggestions).toEqual([
      expect.stringMatching(/copy it from the machine on which the run was started/),
      expect.stringContaining(` rollback ${run}`),
    ]);
    expect(definitions).toContain('etcd.yaml');
  });

  it('in the middle of a restore: the run is refused, and names both', async () => {
    expect(ours.split(' ')[0]).not.toBe(old);
    const refused = await world.start('resume', run, '--confirm', 'workload').ended;
    const error = errorOf(refused);
    expect([refused.code, error?.code], told(refused)).toEqual([4, 'FENCE_NOT_PROVEN']);
    expect(error?.suggestions).toContainEqual(expect.stringContaining('switch off those that were silent'));
    expect(error?.message).toMatch(/cp-2: etcd of cluster .* runs there; cp-3: etcd of cluster .* runs there/);
  });

  it('was restored by the programs of the minor version that the machines run', async () => {
    const { stdout } = await world.nodes.ssh('cp-1', `/var/lib/lattice-dr/${run}/etcdutl version`);
    expect(stdout).toMatch(/^etcdutl version: 3\.5\./);
    expect((await world.nodes.etcdctl(['cp-1'], 'endpoint', 'status', '-w', 'json')).stdout).toMatch(/"version":"3\.5\./);
  });

  it('is not merged with what was restored: each has its own cluster, members and writes', async () => {
    expect(await world.ids('cp-1')).toBe(ours);
    expect((await world.members('cp-1')).map(({ name }) => name)).toEqual(['cp-1']);
    expect([await isIn('cp-1', 'early'), await isIn('cp-1', 'ghost')]).toEqual([true, false]);
    for (const name of OLD) {
      expect(await world.clusterId(name)).toBe(old);
      expect(await isIn(name, 'ghost')).toBe(true);
    }
    // Whoever asks the restored API server from outside is still kept away.
    expect((await world.nodes.ssh('cp-1', 'ls /var/lib/lattice-dr/*/opened 2>/dev/null')).stdout).toBe('');
  });

  it('switched off once more, the run goes on to its end, without what was written to the old ones', async () => {
    await off();
    const resumed = await world.start('resume', run, '--confirm', 'workload').ended;
    expect(resumed.code, told(resumed)).toBe(0);
    expect(await world.ids('cp-1')).toBe(ours);
    expect([await world.has('cp-1', 'early'), await world.has('cp-1', 'ghost')]).toEqual([true, false]);
  });
});
