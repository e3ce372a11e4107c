import { writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partition } from '../../src/lab/nodes/machine/faults.ts';
import { powerOn } from '../../src/lab/nodes/machine/power.ts';
import { catalogue } from '../../src/steps/catalogue.ts';
import { findServer } from '../integration/servers.ts';
import type { CliEnd } from '../support/cli.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { killedAtEach, sidesOf } from '../support/plane-kills.ts';
import { filesOutside, kubeletStarts, memberChanges, seenOutside, settledOutside } from '../support/plane-seen.ts';
import { PlaneWorld, told } from '../support/plane-world.ts';
import { RKE2_RESTORE, RKE2_ROLLBACK } from '../support/rke2-effects.ts';

const missing = await nodesMissing();
const BINARIES = dirname(findServer('etcdutl') ?? '');
const SOON = 180_000;
const MACHINES = ['cp-1', 'cp-2', 'cp-3'] as const;

/** Each destructive effect on machines, in the order in which a run comes by, and the step of the runbook that has it. */
type Effects = Readonly<Record<string, string>>;
/** While one machine is silent. */
const FENCE: Effects = {
  'etcd/fence stop': 'fence|stop',
  'etcd/fence power-off': 'fence|power-off',
};
const RESTORE: Effects = {
  'etcd/preserve put-aside': 'preserve|put-aside',
  'etcd/install install': 'install|install',
  'etcd/open open': 'open|open',
  'etcd/kubelets restart-kubelet': 'kubelets|restart-kubelet',
  'etcd/grow add-member': 'grow|add-member',
  'etcd/grow promote': 'grow|promote',
  'etcd/unpause unpause': 'unpause|unpause',
  'etcd/release free-lock': 'unlock|free-lock',
};
const ROLLBACK: Effects = {
  'etcd/revert stop': 'put-back|stop',
  'etcd/revert put-back': 'put-back|put-back',
  'etcd/unlock free-lock': 'unlock|free-lock',
};
const REPAIR: Effects = {
  'etcd/remove remove-member': 'remove|remove-member',
  'etcd/rejoin add-member': 'rejoin|add-member',
  'etcd/rejoin promote': 'rejoin|promote',
};

/** Files of before that are afterwards elsewhere, put aside or out of the way of a member that joins, or say whom it joins. No other may be touched. */
const CHANGED = ['/var/lib/etcd/member', '/etc/kubernetes/manifests/etcd.yaml'] as const;

/** What etcd applies when a member joins, once. */
const joined = (name: string): readonly string[] => [`ConfChangeAddLearnerNode ${name}`, `ConfChangeAddNode ${name}`];
const placesOf = (effects: Effects): readonly string[] => sidesOf(Object.values(effects));
/**
 * Steps of a restore in the order in which a run comes by. One without effects is killed with its work done, which nobody was told. Kills of `push` and `api` that a run goes on after
 * are in the files of other disasters.
 */
const STEPS = ['preserve', 'restore', 'install', 'start', 'scrub', 'controllers', 'open', 'kubelets', 'grow', 'prove', 'backup', 'unpause', 'unlock'];
const RESTORE_PLACES = STEPS.flatMap((step) => {
  const effects = Object.values(RESTORE).filter((effect) => effect.startsWith(`${step}|`));
  return effects.length === 0 ? [`before|step-succeeded|${step}`] : sidesOf(effects);
});

it('there is a place to kill a run at for every effect on machines of the catalogue', () => {
  const declared = [...catalogue.values()]
    .flatMap(({ kind, effects }) => effects.map(({ name }) => `${kind} ${name}`))
    .filter((one) => /^(etcd|rke2)\//.test(one));
  expect([FENCE, RESTORE, ROLLBACK, REPAIR, RKE2_RESTORE, RKE2_ROLLBACK].flatMap((effects) => Object.keys(effects)).sort()).toEqual(declared.sort());
});

/** One control plane; each case finds it as the one before has left it. */
describe.skipIf(missing !== '')(`effects on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  /** The run whose restore has come to its end. */
  let finished = '';

  const writes = async (name: string): Promise<boolean> => (await world.nodes.etcdctl([name], 'put', 'probe', name)).exitCode === 0;

  /** Files of before that are not there any more as they were, but for those that an effect of the catalogue changes. */
  async function touched(before: readonly string[], changed: readonly string[]): Promise<readonly string[]> {
    const after = new Set(await filesOutside(world, MACHINES));
    return before.filter((line) => !after.has(line) && !changed.some((path) => line.endsWith(` ${path}`)));
  }

  /** Commands of a plan that is finished: each is refused or finds nothing to do, and whoever looks at the machines sees what they saw. */
  async function changesNothing(commands: readonly (readonly string[])[]): Promise<readonly (number | null)[]> {
    const before = await settledOutside(world, MACHINES);
    const ends: CliEnd[] = [];
    for (const args of commands) ends.push(await world.start(...args).ended);
    expect(await seenOutside(world, MACHINES)).toEqual(before);
    return ends.map(({ code }) => code);
  }

  /** That a machine is silent is known after 3 s, each time it is asked; a test that asks often does not wait for that. */
  async function noticeQuickly(): Promise<void> {
    const setting = (device: string): string => `/proc/sys/net/ipv4/neigh/${device}/retrans_time_ms`;
    await writeFile(setting(world.nodes.set.cluster), '200');
    for (const name of MACHINES) await world.nodes.ssh(name, `echo 200 > ${setting('eth0')}`);
  }

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, fence: true });
    await world.endQuickly();
    await eventually(async () => await world.create('cp-1', 'early').then(Boolean, () => false), SOON, 'the API server is there again');
    await world.createCluster('cp-1', 'east');
    await noticeQuickly();
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('a restore that is killed before and after each effect of its fence, and a rollback that is killed so at each of its own, come to their end', async () => {
    const identity = await world.ids('cp-1');
    await partition({ ...world.nodes.operation, set: world.nodes.set, node: world.nodes.node('cp-3') }, 'cut');
    await world.misplaceData('cp-2');
    await world.untilNoQuorum('cp-1');
    const files = await filesOutside(world, ['cp-1', 'cp-2']);
    const before = [...placesOf(FENCE), 'after|step-started|open'];
    const { run, places } = await killedAtEach(world, before, { args: world.restoreArgs, decisions: [], staysDead: true });
    expect(places).toEqual(before);
    const rollback = await killedAtEach(world, placesOf(ROLLBACK), { args: ['rollback', run], decisions: ['--confirm', 'workload'] });
    expect(rollback.last.code, told(rollback.last)).toBe(0);
    expect(rollback.places).toEqual(placesOf(ROLLBACK));
    expect(await touched(files, [])).toEqual([]);
    await world.findData('cp-2');
    await powerOn(world.nodes.set, world.nodes.node('cp-3'), world.nodes.operation);
    for (const name of MACHINES) await eventually(async () => await writes(name), SOON, `${name} is in a quorum again`);
    expect(await world.ids('cp-1')).toBe(identity);
    await world.assertWhole(MACHINES, 'early');
  });

  it('a restore that is killed before and after each of its other effects, and in each step between them, comes to its end', async () => {
    const [identity, kubelets] = [await world.ids('cp-1'), await kubeletStarts(world, MACHINES)];
    for (const name of ['cp-2', 'cp-3']) await world.misplaceData(name);
    await world.untilNoQuorum('cp-1');
    const files = await filesOutside(world, MACHINES);
    const { run, places, last } = await killedAtEach(world, RESTORE_PLACES, { args: world.restoreArgs, decisions: ['--approve', 'unpause'] });
    expect(last.code, told(last)).toBe(0);
    expect(places).toEqual(RESTORE_PLACES);
    expect(await touched(files, CHANGED)).toEqual([]);
    expect(await world.ids('cp-1')).not.toBe(identity);
    await world.assertWhole(MACHINES, 'early');
    expect(await world.isPaused('cp-1', 'east')).toBe(false);
    expect(JSON.parse(last.stdout)).toMatchObject({ holds: [] });
    expect(await kubeletStarts(world, MACHINES)).toEqual(kubelets.map((count) => count + 1));
    expect((await memberChanges(world, 'cp-1')).filter((change) => !change.endsWith('cp-1'))).toEqual([...joined('cp-2'), ...joined('cp-3')]);
    finished = run;
  });

  it('second run of a finished plan: a new one, its resume and its rollback change nothing at all', async () => {
    const again = [world.restoreArgs, ['resume', finished], ['rollback', finished, '--confirm', 'workload']];
    expect(await changesNothing(again)).toEqual([4, 0, 4]);
  });

  it('a repair of a member that is killed before and after each effect comes to its end', async () => {
    const [lost, changes] = [(await world.members('cp-1')).find(({ name }) => name === 'cp-3')?.id, await memberChanges(world, 'cp-1')];
    await world.loseData('cp-3');
    await eventually(async () => !(await writes('cp-3')) && (await writes('cp-1')), SOON, 'one member is lost, and the others have a leader');
    const files = await filesOutside(world, MACHINES);
    const repair = ['repair-etcd-member', '--plan', world.plan, '--binaries', BINARIES, '--confirm', 'workload'];
    const { run, places, last } = await killedAtEach(world, placesOf(REPAIR), { args: repair, decisions: [] });
    expect(last.code, told(last)).toBe(0);
    expect(places).toEqual(placesOf(REPAIR));
    expect(await touched(files, CHANGED)).toEqual([]);
    await world.assertWhole(MACHINES, 'early');
    expect((await memberChanges(world, 'cp-1')).slice(changes.length)).toEqual([`ConfChangeRemoveNode ${lost}`, ...joined('cp-3')]);
    expect(await changesNothing([repair, ['resume', run]])).toEqual([4, 0]);
  });

  it('a file that is touched by anything else is found', async () => {
    await world.nodes.ssh('cp-2', 'touch /etc/kubernetes/planted');
    const files = await filesOutside(world, MACHINES);
    await world.nodes.ssh('cp-2', 'rm /etc/kubernetes/planted');
    expect(await touched(files, CHANGED)).toEqual([expect.stringMatching(/^cp-2: file \S+ {2}\/etc\/kubernetes\/planted$/)]);
  });
});
