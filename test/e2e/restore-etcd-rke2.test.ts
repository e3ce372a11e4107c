import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, nodesMissing } from '../support/lab-nodes.ts';
import { killedAtEach, sidesOf } from '../support/plane-kills.ts';
import { PlaneWorld, runOf, told } from '../support/plane-world.ts';
import { RKE2_RESTORE, RKE2_ROLLBACK } from '../support/rke2-effects.ts';

const missing = await nodesMissing();
const SOON = 180_000;
const MACHINES = ['cp-1', 'cp-2', 'cp-3'] as const;
const LOST = ['cp-2', 'cp-3'] as const;
const SERVER = '/var/lib/rancher/rke2/server';
const CONFIG = '/etc/rancher/rke2';
/** Ends the next reset of the emulation at a place, as a power cut would. */
const STOP_AT = '/etc/lattice-dr-lab/rke2-stop-at';
/** Revisions above are those of a prepared snapshot. Ids do not tell: rke2 gives etcd no token of its own, so a first server that was restored has those that it had. */
const RAISED = 1_000_000_000;
const ETCD_PID = 'for d in /proc/[0-9]*; do p=$(readlink $d/exe); [ "${p##*/}" = etcd ] && echo ${d#/proc/}; done; true';
const { 'rke2/preserve put-aside': PRESERVE, ...LATER } = RKE2_RESTORE;

/** Three servers of what emulates rke2: its files, messages and course, by a program of the lab around real etcd and real API servers. One control plane, in order. */
describe.skipIf(missing !== '')(`restore-etcd of an emulation of rke2${missing === '' ? '' : ` (skipped: ${missing})`}`, { shuffle: false }, () => {
  let world: PlaneWorld;
  let identity = '';
  let configuration: readonly string[] = [];
  let restoreArgs: readonly string[] = [];

  const on = async (name: string, command: string): Promise<string> => (await world.nodes.ssh(name, command)).stdout;
  const onAll = async (names: readonly string[], command: string): Promise<readonly string[]> =>
    await Promise.all(names.map(async (name) => await on(name, command)));
  const configured = async (): Promise<readonly string[]> => await onAll(MACHINES, `find ${CONFIG} -type f | sort | xargs sha256sum`);
  const touched = async (): Promise<readonly string[]> =>
    await onAll(MACHINES, `find ${CONFIG} /etc/systemd /etc/lattice-dr /var/lib/lattice-dr ${SERVER}/token ${SERVER}/db -maxdepth 1 2>/dev/null | sort`);
  const revision = async (name: string): Promise<number> => Number((await world.identity(name)).split(' ').at(-1));
  const oldData = async (): Promise<number> => Number(await on('cp-1', `ls -d ${SERVER}/db/etcd-old-* 2>/dev/null | wc -l`));
  const names = async (name: string): Promise<readonly string[]> =>
    (await world.members(name)).map((member) => `${member.name.slice(0, -8)} ${member.isLearner}`).toSorted();
  const writes = async (name: string): Promise<boolean> => (await world.nodes.etcdctl([name], 'put', 'probe', name)).exitCode === 0;

  /** Takes the data of two servers away under them. rke2 goes on and starts etcd in vain: it looks for its member only at its own start. */
  async function misplace(): Promise<void> {
    await onAll(LOST, `mv ${SERVER}/db ${SERVER}/misplaced; pkill -KILL -x etcd; true`);
    await world.untilNoQuorum('cp-1');
    // A leader steps down only when it has heard nobody for its election timeout, of 5 s here.
    const sees = async (): Promise<string> => (await world.nodes.etcdctl(['cp-1'], 'endpoint', 'status', '-w', 'json')).stdout;
    await eventually(async () => !/"leader":[1-9]/.test(await sees()), SOON, 'the survivor has no leader');
  }

  /** Brings it back, and everything with it: what a run has left masked where there was no data is unmasked by a person. */
  async function find(): Promise<void> {
    await onAll(
      LOST,
      `systemctl stop rke2-server; rke2-killall.sh; rm -rf ${SERVER}/db; mv ${SERVER}/misplaced ${SERVER}/db; systemctl unmask rke2-server; systemctl start rke2-server`,
    );
    for (const name of MACHINES) await eventually(async () => await writes(name), SOON, `${name} is in a quorum again`);
  }

  beforeAll(async () => {
    world = await PlaneWorld.create({ count: 3, preset: 'rke2' });
    restoreArgs = [...world.restoreArgs, '--experimental'];
    await eventually(async () => await world.create('cp-1', 'early').then(Boolean, () => false), SOON, 'the API server takes writes');
    // The first server may be told to join another one too: it does not look at that while it has a member.
    await on('cp-1', `mkdir -p ${CONFIG}/config.yaml.d; printf '# by hand\\n"server": https://cp-2:9345\\n' > ${CONFIG}/config.yaml.d/20-other.yaml`);
    configuration = await configured();
    identity = await world.ids('cp-1');
  });
  afterAll(async () => await world[Symbol.asyncDispose]());

  it('a stopped unit leaves etcd running, as the real one does', async () => {
    const before = await on('cp-3', ETCD_PID);
    expect(before).toMatch(/^\d+\n$/);
    await on('cp-3', 'systemctl stop rke2-server');
    expect(await on('cp-3', 'systemctl is-active rke2-server')).toBe('inactive\n');
    expect(await on('cp-3', ETCD_PID)).toBe(before);
    await on('cp-3', 'systemctl start rke2-server');
    expect(await on('cp-3', ETCD_PID)).toBe(before);
  });

  it('is refused without --experimental, and --experimental without rke2; nothing is written on a machine', async () => {
    const before = await touched();
    const refused = await world.restore();
    expect(refused.code, told(refused)).toBe(3);
    expect(refused.stdout).toContain('rke2-procedure');
    expect(refused.stdout).toContain('--experimental');
    const other = join(world.folder, 'other.json');
    await writeFile(other, (await readFile(world.plan, 'utf8')).replace('"distribution":"rke2"', '"distribution":"lab"'));
    const usage = await world.start('restore-etcd', '--plan', other, '--experimental', '--confirm', 'workload').ended;
    expect([usage.code, /restores rke2/.test(usage.stdout)], told(usage)).toEqual([2, true]);
    expect(await touched()).toEqual(before);
  });

  it('is refused while etcd has quorum', async () => {
    const refused = await world.start(...restoreArgs).ended;
    expect([refused.code, /ETCD_QUORUM/.test(refused.stdout)], told(refused)).toEqual([4, true]);
  });

  it('a restore that is killed, and taken back by a rollback that is killed, leaves every database and file of the configuration as it was', async () => {
    await misplace();
    const before = [...sidesOf([PRESERVE]), 'before|step-succeeded|api'];
    const { run, places } = await killedAtEach(world, before, { args: restoreArgs, decisions: [], staysDead: true });
    expect(places).toEqual(before);
    expect(await revision('cp-1')).toBeGreaterThan(RAISED);
    expect(await oldData()).toBe(1);
    const ends = sidesOf(Object.values(RKE2_ROLLBACK));
    const rollback = await killedAtEach(world, ends, { args: ['rollback', run], decisions: ['--confirm', 'workload'] });
    expect(rollback.last.code, told(rollback.last)).toBe(0);
    expect(rollback.places).toEqual(ends);
    expect([await oldData(), await configured()]).toEqual([0, configuration]);
    expect(await onAll(MACHINES, 'ls -d /var/lib/lattice-dr/lock 2>/dev/null; nft list tables')).toEqual(MACHINES.map(() => ''));
    await find();
    expect([await world.ids('cp-1'), (await revision('cp-1')) < RAISED]).toEqual([identity, true]);
    for (const name of MACHINES) await eventually(async () => await world.has(name, 'early').catch(() => false), SOON, `the API server of ${name} has it`);
  });

  describe('two of three are lost, and the snapshot is the survivor of what came last', () => {
    let run = '';

    it('a reset that is cut off half-way is told, and is not repeated by itself', async () => {
      await eventually(async () => await world.create('cp-1', 'late').then(Boolean, () => false), SOON, 'the API server takes writes');
      await misplace();
      await on('cp-1', `echo restored > ${STOP_AT}`);
      const end = await world.start(...restoreArgs).ended;
      run = runOf(end);
      expect(end.code, told(end)).not.toBe(0);
      expect(end.stdout).toContain('the reset of rke2 on cp-1 ended with 137');
      expect(await oldData()).toBe(1);
      expect(await on('cp-1', `ls ${SERVER}/db`)).not.toContain('reset-flag');
      expect(await onAll(MACHINES, ETCD_PID)).toEqual(['', '', '']);
    });

    it('with another token: refused in the words of rke2, once', async () => {
      await onAll(MACHINES, `sed -i 's/^token: .*/&-other/' ${CONFIG}/config.yaml`);
      const end = await world.start('resume', run).ended;
      expect(end.code, told(end)).not.toBe(0);
      expect(end.stdout).toContain('bootstrap data already found and encrypted with different token');
      expect(await oldData()).toBe(2);
      await onAll(MACHINES, `sed -i 's/^\\(token: .*\\)-other$/\\1/' ${CONFIG}/config.yaml`);
    });

    it('killed on both sides of the reset and of the start, it has reset once, and its ports are closed to others', async () => {
      const wanted = sidesOf([LATER['rke2/reset reset'], LATER['rke2/start start']]);
      const { places } = await killedAtEach(world, wanted, { args: ['resume', run], decisions: [], staysDead: true });
      expect(places).toEqual(wanted);
      expect(await oldData()).toBe(3);
      expect(await revision('cp-1')).toBeGreaterThan(RAISED);
      expect(await on('cp-1', 'nft list table inet lattice_dr')).toMatch(/dport \{ 6443, 9345 \} drop/);
      expect((await world.nodes.etcdctl(['cp-1'], 'put', 'after-start', 'kept')).exitCode).toBe(0);
    });

    it('killed on both sides of each joining and of each restart, it comes to its end: three voters, and nothing is lost that was written since', async () => {
      const wanted = sidesOf([LATER['rke2/grow join'], LATER['rke2/tidy restart']]);
      const { places, last } = await killedAtEach(world, wanted, { args: ['resume', run], decisions: [] });
      expect(last.code, told(last)).toBe(0);
      expect(places).toEqual(wanted);
      expect(await oldData()).toBe(3);
      for (const name of MACHINES) {
        expect(await names(name)).toEqual(MACHINES.map((one) => `${one}- false`));
        for (const object of ['early', 'late'])
          await eventually(async () => await world.has(name, object).catch(() => false), SOON, `the API server of ${name} has ${object}`);
        expect((await world.nodes.etcdctl([name], 'get', 'after-start', '--print-value-only')).stdout).toBe('kept\n');
      }
    });

    it('server: is back on the first server, whom others joined is said nowhere, and every file of the configuration is as it was', async () => {
      expect(await configured()).toEqual(configuration);
      expect(await onAll(MACHINES, 'ls -d /var/lib/lattice-dr/lock 2>/dev/null; nft list tables')).toEqual(MACHINES.map(() => ''));
      expect(await onAll(MACHINES, 'systemctl is-active rke2-server')).toEqual(MACHINES.map(() => 'active\n'));
    });

    it('whoever confirmed was told that it was never tried on a real one', async () => {
      const { stdout } = await promisify(execFile)('grep', ['-rlF', 'None of it was ever run on a real rke2', world.state]);
      expect(stdout).toContain(run);
    });

    it('a second run is refused, as etcd has quorum, and a rollback as it was opened; nothing is changed', async () => {
      const before = [await touched(), await world.ids('cp-1'), await names('cp-1')];
      const again = await world.start(...restoreArgs).ended;
      expect([again.code, /ETCD_QUORUM/.test(again.stdout)], told(again)).toEqual([4, true]);
      expect((await world.start('rollback', run, '--confirm', 'workload').ended).code).toBe(4);
      expect([await touched(), await world.ids('cp-1'), await names('cp-1')]).toEqual(before);
    });
  });
});
