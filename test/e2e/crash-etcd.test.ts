import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partition } from '../../src/lab/nodes/machine/faults.ts';
import { powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import { catalogue } from '../../src/steps/catalogue.ts';
import type { CliEnd, RunningCli } from '../support/cli.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld, runOf } from '../support/plane-world.ts';

const missing = await nodesMissing();
const SOON = 60_000;
const DECISIONS = ['--confirm', 'workload', '--approve', 'unpause'] as const;

/** Each destructive effect on machines, in the order in which a run comes by, and the step of the runbook that has it. */
const RESTORE: Readonly<Record<string, string>> = {
  'etcd/fence stop': 'fence|stop',
  'etcd/fence power-off': 'fence|power-off',
  'etcd/preserve put-aside': 'preserve|put-aside',
  'etcd/install install': 'install|install',
  'etcd/open open': 'open|open',
  'etcd/kubelets restart-kubelet': 'kubelets|restart-kubelet',
  'etcd/grow add-member': 'grow|add-member',
  'etcd/grow promote': 'grow|promote',
  'etcd/unpause unpause': 'unpause|unpause',
  'etcd/release free-lock': 'unlock|free-lock',
};
const ROLLBACK: Readonly<Record<string, string>> = {
  'etcd/revert stop': 'put-back|stop',
  'etcd/revert put-back': 'put-back|put-back',
  'etcd/unlock free-lock': 'unlock|free-lock',
};
/** While the first machine is switched off and on again. */
const POWER_CUTS = ['fence', 'preserve', 'restore', 'install', 'start', 'api', 'grow', 'prove'] as const;

/** Before an effect, which is then intended and not done; and after it, which nobody was told. */
const placesOf = (effects: Readonly<Record<string, string>>): readonly string[] =>
  Object.values(effects).flatMap((place) => [`after|effect-intent|${place}`, `before|effect-done|${place}`]);

interface Killed {
  readonly places: readonly string[];
  readonly last: CliEnd;
}

it('there is a place to kill a run at for every effect on machines of the catalogue', () => {
  const declared = [...catalogue.values()]
    .flatMap(({ kind, effects }) => effects.map(({ name }) => `${kind} ${name}`))
    .filter((one) => one.startsWith('etcd/'));
  expect([...Object.keys(RESTORE), ...Object.keys(ROLLBACK)].sort()).toEqual(declared.sort());
});

describe.skipIf(missing !== '')(`effects on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let identity = '';

  const told = ({ stdout, stderr }: CliEnd): string => `${stdout.slice(-3_000)}${stderr.slice(-3_000)}`;
  const who = async (): Promise<string> => (await world.identity('cp-1')).split(' ').slice(0, 2).join(' ');

  async function killedAtEach(effects: Readonly<Record<string, string>>, first: readonly string[]): Promise<Killed> {
    const left = new Set(placesOf(effects));
    const places: string[] = [];
    for (let args = first; ; ) {
      const { place, end } = await world.killedAtOneOf(left, args);
      args = ['resume', runOf(end), ...DECISIONS];
      if (place === '') return { places, last: end };
      left.delete(place);
      places.push(place);
    }
  }

  async function loseQuorum(): Promise<void> {
    await world.misplaceData('cp-2');
    await world.untilNoQuorum('cp-1');
  }

  async function isWhole(): Promise<void> {
    for (const name of ['cp-1', 'cp-2']) {
      const members = await world.members(name);
      expect(members.map((member) => `${member.name} ${member.isLearner}`).sort()).toEqual(['cp-1 false', 'cp-2 false']);
      expect(await world.has(name, 'early')).toBe(true);
    }
    expect(await world.isPaused('cp-1', 'east')).toBe(false);
  }

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, fence: true });
    await world.endQuickly();
    await eventually(async () => await world.create('cp-1', 'early').then(Boolean, () => false), SOON, 'the API server is there again');
    await world.createCluster('cp-1', 'east');
    await partition({ ...world.nodes.operation, set: world.nodes.set, node: world.nodes.node('cp-3') }, 'cut');
    identity = await who();
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('a rollback that is killed before and after each effect comes to its end', async () => {
    await loseQuorum();
    await world.killedAt('after|step-started|open', world.restoreArgs);
    const { places, last } = await killedAtEach(ROLLBACK, ['rollback', '--plan', world.plan, '--confirm', 'workload']);
    expect(last.code, told(last)).toBe(0);
    expect(places).toEqual(placesOf(ROLLBACK));
    await world.findData('cp-2');
    await eventually(async () => (await world.nodes.etcdctl(['cp-1'], 'put', 'probe', 'y')).exitCode === 0, SOON, 'there is quorum again');
    expect(await who()).toBe(identity);
  });

  it('a restore that is killed before and after each effect comes to its end', async () => {
    await loseQuorum();
    const { places, last } = await killedAtEach(RESTORE, [...world.restoreArgs, '--approve', 'unpause']);
    expect(last.code, told(last)).toBe(0);
    expect([...places].sort()).toEqual([...placesOf(RESTORE)].sort());
    await isWhole();
  });

  it('a restore of which the first machine is switched off and on again in one step after the other comes to its end', async () => {
    await loseQuorum();
    const before = await who();
    const node = world.nodes.node('cp-1');
    let run: RunningCli = world.startRestore('--approve', 'unpause');
    const cuts: string[] = [];
    for (const step of POWER_CUTS) {
      await run.event((event) => event.type === 'step-state' && event.step === step && event.state === 'running');
      await powerOff(node, world.nodes.operation);
      await powerOn(world.nodes.set, node, world.nodes.operation);
      cuts.push(step);
      run = await goneOn(run);
    }
    const last = await run.ended;
    expect(last.code, told(last)).toBe(0);
    expect(await who()).not.toBe(before);
    await isWhole();
  });

  /** The command itself when it rides the power cut out; else the one that resumes it. */
  async function goneOn(run: RunningCli): Promise<RunningCli> {
    return run.child.exitCode === null ? run : world.start('resume', runOf(await run.ended), ...DECISIONS);
  }
});
