import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findServer } from '../integration/servers.ts';
import type { CliEnd, RunningCli } from '../support/cli.ts';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { PlaneWorld } from '../support/plane-world.ts';

const missing = await nodesMissing();
const BINARIES = dirname(findServer('etcdutl') ?? '');
const NODES = ['cp-1', 'cp-2', 'cp-3'] as const;
const SOON = 180_000;

/** One control plane; each case finds it as the one before has left it. */
describe.skipIf(missing !== '')(`repair of one member of etcd on machines${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;

  const start = (...args: readonly string[]): RunningCli =>
    world.start('repair-etcd-member', '--plan', world.plan, '--binaries', BINARIES, '--confirm', 'workload', ...args);
  const errorOf = ({ stdout }: CliEnd) =>
    (JSON.parse(stdout) as { readonly error?: { readonly code: string; readonly message: string; readonly suggestions: readonly string[] } }).error;
  /** Members as one lists them, `name id`, in order of names. */
  const members = async (node = 'cp-1'): Promise<readonly string[]> => (await world.members(node)).map(({ name, id }) => `${name} ${id}`).sort();
  const idOf = (list: readonly string[], name: string) => list.find((one) => one.startsWith(`${name} `));

  async function untilDown(name: string): Promise<void> {
    await world.loseData(name);
    await eventually(async () => (await world.nodes.etcdctl([name], 'endpoint', 'status')).exitCode !== 0, SOON, `${name} is down`);
    await eventually(async () => (await world.nodes.etcdctl(['cp-1'], 'put', 'probe', name)).exitCode === 0, SOON, 'the others have a leader');
  }

  async function expectWhole(): Promise<void> {
    for (const node of NODES) {
      const listed = await world.members(node);
      expect(listed.map(({ name }) => name).sort()).toEqual([...NODES]);
      expect(listed.some(({ isLearner }) => isLearner)).toBe(false);
      expect(await world.has(node, 'early')).toBe(true);
      const { stdout } = await world.nodes.ssh(node, 'ls -a /var/lib/lattice-dr');
      expect(stdout).not.toMatch(/^lock$/m);
    }
  }

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3 });
    await world.create('cp-1', 'early');
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('is refused while all members are well, and touches nothing', async () => {
    const before = [await members(), await world.identity('cp-1')];
    const end = await start().ended;
    expect(end.code, end.stderr.slice(-3_000)).toBe(4);
    expect(errorOf(end)).toMatchObject({ code: 'REPAIR_REFUSED', message: expect.stringContaining('leave-alone') });
    expect((await members()).join()).toBe(String(before[0]));
    expect((await world.identity('cp-1')).split(' ').slice(0, 2)).toEqual(String(before[1]).split(' ').slice(0, 2));
  });

  it('one of three lost: replaces it, though it is killed once the old member is removed; what was left on the machine stays there', async () => {
    const before = await members();
    await untilDown('cp-3');
    const diagnosed = await world.start('diagnose', '--plan', world.plan).ended;
    expect(diagnosed.stdout).toContain('lattice-dr repair-etcd-member');
    const killed = start();
    await eventually(async () => idOf(await members(), 'cp-3') === undefined, 4 * SOON, 'the lost member is removed');
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await members()).toHaveLength(2);

    const end = await world.start('resume', '--plan', world.plan).ended;
    expect(end.code, end.stderr.slice(-5_000) + end.stdout.slice(-3_000)).toBe(0);
    await expectWhole();
    const after = await members();
    for (const name of ['cp-1', 'cp-2']) expect(idOf(after, name)).toBe(idOf(before, name));
    expect(idOf(after, 'cp-3')).not.toBe(idOf(before, 'cp-3'));
    expect((await world.nodes.ssh('cp-3', 'ls -a /var/lib/etcd')).stdout).toMatch(/^\.left-/m);
  });

  it('finds nothing to do when it is started once more', async () => {
    const before = await members();
    const end = await start().ended;
    expect([end.code, errorOf(end)?.code]).toEqual([4, 'REPAIR_REFUSED']);
    expect(await members()).toEqual(before);
  });

  it('an unstarted learner: clears away one that was never started, left by a join that failed', async () => {
    const before = await members();
    await untilDown('cp-2');
    const etcdctl = async (...args: readonly string[]) => await world.nodes.etcdctl(['cp-1'], ...args);
    expect(await etcdctl('member', 'remove', idOf(before, 'cp-2')?.split(' ')[1] ?? '')).toMatchObject({ exitCode: 0 });
    const peer = `--peer-urls=https://${world.nodes.node('cp-2').address}:2380`;
    await eventually(async () => (await etcdctl('member', 'add', 'cp-2', '--learner', peer)).exitCode === 0, SOON, 'a learner is added');
    const [left] = (await members()).filter((one) => one.startsWith(' '));
    const end = await start().ended;
    expect(end.code, end.stderr.slice(-5_000) + end.stdout.slice(-3_000)).toBe(0);
    await expectWhole();
    expect((await members()).some((one) => one.endsWith(left?.trim() ?? 'none'))).toBe(false);
  });

  it('is refused without quorum, and says which command helps', async () => {
    for (const name of ['cp-2', 'cp-3']) await world.loseData(name);
    await world.untilNoQuorum('cp-1');
    const end = await start().ended;
    expect(end.code, end.stderr.slice(-3_000)).toBe(4);
    expect(errorOf(end)).toMatchObject({ code: 'REPAIR_REFUSED', message: expect.stringContaining('restore-etcd') });
    expect(errorOf(end)?.suggestions.join()).toMatch(/ restore-etcd(,|$)/);
    expect((await world.nodes.ssh('cp-1', 'ls -a /var/lib/lattice-dr')).stdout).not.toMatch(/^lock$/m);
  });
});
