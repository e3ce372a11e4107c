import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fillDisk, holdProcess, loseDisk, skewClock, slowLink } from '../../src/lab/nodes/machine/faults.ts';
import { initPid, powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import { bridgeName, setCable } from '../../src/lab/nodes/network.ts';
import { findNodeSet } from '../../src/lab/nodes/node-set.ts';
import { listLabProcesses } from '../../src/lab/supervise/proc.ts';
import { type CliEnd, startCli } from '../support/cli.ts';
import { eventually, nodesMissing, TestNodes } from '../support/lab-nodes.ts';
import { missingServers } from './servers.ts';

const missing = await nodesMissing();
const SOON = 90_000;

describe.skipIf(missing !== '')(`machines of a control plane${missing === '' ? '' : ` (skipped: ${missing})`}`, () => {
  describe('with etcd alone', { timeout: 120_000, shuffle: false }, () => {
    let world: TestNodes;

    beforeAll(async () => {
      world = await TestNodes.create({ count: 3, etcdOnly: true });
    });

    afterAll(async () => {
      await world[Symbol.asyncDispose]();
    });

    const writes = async (via: string): Promise<boolean> => (await world.etcdctl([via], 'put', 'key', 'value')).exitCode === 0;
    const off = async (name: string): Promise<void> => await powerOff(world.node(name), world.operation);
    const on = async (name: string): Promise<void> => await powerOn(world.set, world.node(name), world.operation);

    it('are reached by plain ssh, each with a name, files and processes of its own', async () => {
      for (const { name } of world.set.nodes) {
        const { stdout } = await world.ssh(name, 'hostname; cat /proc/1/comm; touch /etc/mine; ls /etc/kubernetes/manifests');
        expect(stdout.split('\n')).toEqual([name, 'bash', 'etcd.yaml', '']);
      }
      expect(existsSync('/etc/mine')).toBe(false);
    });

    it('form one cluster of three voters named as the machines, whose init member was started alone', async () => {
      const { stdout } = await world.etcdctl(['cp-1'], 'member', 'list', '-w', 'json');
      const members = (JSON.parse(stdout) as { members: { name: string; isLearner?: boolean }[] }).members;
      expect(members.map((member) => member.name).sort()).toEqual(['cp-1', 'cp-2', 'cp-3']);
      expect(members.filter((member) => member.isLearner === true)).toEqual([]);
      const manifest = async (name: string): Promise<string> => (await world.ssh(name, 'cat /etc/kubernetes/manifests/etcd.yaml')).stdout;
      expect(await manifest('cp-1')).not.toContain('initial-cluster-state');
      expect(await manifest('cp-1')).not.toContain('strict-reconfig-check');
      expect(await manifest('cp-3')).toContain('--initial-cluster-state=existing');
    });

    it('lose quorum when two are switched off and have it again when one comes back with its disk', async () => {
      await off('cp-2');
      await eventually(async () => await writes('cp-1'), SOON, 'two of three write');
      await off('cp-3');
      expect(await writes('cp-1')).toBe(false);
      await on('cp-2');
      await eventually(async () => await writes('cp-1'), SOON, 'quorum is back');
      await on('cp-3');
      await eventually(async () => await writes('cp-3'), SOON, 'all are back');
    });

    it('go on without one that is cut off, and take it back', async () => {
      await setCable(world.node('cp-2'), 'down', world.operation.signal);
      expect(await writes('cp-2')).toBe(false);
      await eventually(async () => await writes('cp-1'), SOON, 'the others write');
      await setCable(world.node('cp-2'), 'up', world.operation.signal);
      await eventually(async () => await writes('cp-2'), SOON, 'the cable is plugged in again');
    });

    it('stop a process whose manifest is parked, start it when it is back, and read a copy that is left beside it', async () => {
      const running = async (): Promise<boolean> => (await world.ssh('cp-3', 'pgrep -x etcd')).exitCode === 0;
      await world.ssh('cp-3', 'mkdir -p /etc/kubernetes/parked && mv /etc/kubernetes/manifests/etcd.yaml /etc/kubernetes/parked/');
      await eventually(async () => !(await running()), SOON, 'etcd is stopped');
      await world.ssh('cp-3', 'cp /etc/kubernetes/parked/etcd.yaml /etc/kubernetes/manifests/.etcd.yaml');
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(await running()).toBe(false);
      await world.ssh('cp-3', 'mv /etc/kubernetes/manifests/.etcd.yaml /etc/kubernetes/manifests/etcd.yaml.bak');
      await eventually(running, SOON, 'etcd is started by the .bak');
      const processes = async (): Promise<string> => (await world.ssh('cp-3', 'pgrep -x etcd')).stdout;
      const ofCopy = await processes();
      await world.ssh('cp-3', 'mv /etc/kubernetes/manifests/etcd.yaml.bak /etc/kubernetes/manifests/etcd.yaml');
      // A manifest of another name is another pod: the one of the copy ends first.
      await eventually(async () => ![ofCopy, ''].includes(await processes()), SOON, 'the etcd of the copy has ended');
      await eventually(async () => await writes('cp-3'), SOON, 'etcd is back');
    });

    it('answer to systemctl and crictl as a machine of kubeadm does', async () => {
      const containers = async (): Promise<string> =>
        (await world.ssh('cp-3', 'crictl --timeout 5s ps --label io.kubernetes.container.name=etcd -q')).stdout.trim();
      await eventually(async () => /^[0-9a-f]{64}$/.test(await containers()), SOON, 'the pod of the manifest runs');
      const id = await containers();
      await world.ssh('cp-3', 'systemctl stop kubelet');
      expect((await world.ssh('cp-3', 'systemctl is-active kubelet; pgrep -x kubelet; pgrep -x etcd >/dev/null && echo etcd runs on')).stdout).toBe(
        'inactive\netcd runs on\n',
      );
      expect((await world.ssh('cp-3', `crictl stop --timeout 20 ${id} && crictl rm ${id} && crictl ps -a -q`)).stdout).toBe(`${id}\n${id}\n`);
      expect((await world.ssh('cp-3', 'pgrep -x etcd')).exitCode).toBe(1);
      await world.ssh('cp-3', 'systemctl start kubelet');
      await eventually(async () => await writes('cp-3'), SOON, 'the kubelet starts etcd again');
      const shown = await world.ssh('cp-3', 'systemctl show -p ActiveState,MainPID kubelet; cat /proc/$(systemctl show --value -p MainPID kubelet)/comm');
      expect(shown.stdout).toMatch(/^ActiveState=active\nMainPID=\d+\nkubelet\n$/);
    });

    it('have the tools of etcd in its image', async () => {
      const mounted = 'D=$(mktemp -d); ctr -n k8s.io images mount $(ctr -n k8s.io images ls -q | grep /etcd:) $D >/dev/null; $D/usr/local/bin/etcdutl version';
      expect((await world.ssh('cp-1', mounted)).stdout).toContain('etcdutl version: 3.6');
      const member = await world.ssh('cp-1', 'crictl exec $(crictl ps -q --name etcd) etcdctl version');
      expect(member.stdout).toContain('etcdctl version: 3.6');
    });

    it('show a clock that is ahead, a process that is held and a link that is slow', async () => {
      const fault = { ...world.operation, set: world.set, node: world.node('cp-2') };
      const ahead = async (): Promise<number> => Number((await world.ssh('cp-2', 'date +%s')).stdout) - Date.now() / 1_000;
      await skewClock(fault, 3_600);
      expect(await ahead()).toBeGreaterThan(3_500);
      await skewClock(fault, 0);
      expect(await ahead()).toBeLessThan(60);

      await holdProcess(fault, { component: 'etcd', state: 'held' });
      expect((await world.etcdctl(['cp-2'], 'endpoint', 'status')).exitCode).not.toBe(0);
      await holdProcess(fault, { component: 'etcd', state: 'released' });
      await eventually(async () => await writes('cp-2'), SOON, 'etcd goes on');

      const copy = async (): Promise<number> => {
        const from = performance.now();
        await world.ssh('cp-2', 'head -c 400000 /dev/urandom');
        return performance.now() - from;
      };
      await slowLink(fault, 200_000);
      const slow = await copy();
      await slowLink(fault, 0);
      expect(slow).toBeGreaterThan(1_500);
      expect(await copy()).toBeLessThan(slow);
    });

    it('come back bare when the disk is lost', async () => {
      await loseDisk({ ...world.operation, set: world.set, node: world.node('cp-2') });
      await on('cp-2');
      const { stdout } = await world.ssh('cp-2', 'hostname; ls /etc/kubernetes /var/lib/etcd 2>&1');
      expect(stdout).toContain('cp-2\n');
      expect(stdout).not.toContain('pki');
      expect(stdout).not.toContain('member');
      expect(await writes('cp-1')).toBe(true);
    });
  });

  it('run etcd as a unit of systemd, on a disk that can be filled', { timeout: 120_000 }, async () => {
    await using world = await TestNodes.create({ count: 3, etcdOnly: true, preset: 'systemd', dataDiskMiB: 256 });
    const writes = async (via: string): Promise<boolean> => (await world.etcdctl([via], 'put', 'key', 'v'.repeat(100_000))).exitCode === 0;
    expect(await writes('cp-1')).toBe(true);
    const { stdout } = await world.ssh(
      'cp-1',
      'systemctl is-enabled etcd; systemctl mask --runtime --now etcd 2>/dev/null; systemctl is-enabled etcd; systemctl start etcd; pgrep -x etcd',
    );
    expect(stdout).toBe('enabled\nmasked-runtime\n');
    await eventually(async () => await writes('cp-2'), SOON, 'the others write');
    await world.ssh('cp-1', 'systemctl unmask etcd; systemctl start etcd');
    await eventually(async () => await writes('cp-1'), SOON, 'it is back');

    // A file of the administrator's is not replaced by a mask, and one at run time does not count against it.
    const own = 'cp /usr/lib/systemd/system/etcd.service /etc/systemd/system/; systemctl mask etcd; systemctl mask --runtime etcd; systemctl is-enabled etcd';
    const masked = await world.ssh('cp-3', own);
    expect(masked.stderr).toContain('Failed to mask unit: File /etc/systemd/system/etcd.service already exists.');
    expect(masked.stdout).toBe('enabled\n');

    const fault = { ...world.operation, set: world.set, node: world.node('cp-1') };
    await fillDisk(fault, 'full');
    await world.ssh('cp-1', 'dd if=/dev/zero of=/var/lib/etcd/more bs=4k count=1').then(({ stderr }) => expect(stderr).toContain('No space left on device'));
    await fillDisk(fault, 'freed');
    expect((await world.ssh('cp-1', 'dd if=/dev/zero of=/var/lib/etcd/more bs=4k count=1')).exitCode).toBe(0);
    await powerOff(world.node('cp-1'), world.operation);
    await powerOn(world.set, world.node('cp-1'), world.operation);
    expect((await world.ssh('cp-1', 'ls /var/lib/etcd')).stdout).toContain('member');
  });

  it('are made, shown, broken and taken away by commands, also when their maker was killed', { timeout: 240_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'lattice-dr-nodes-cli-'));
    const lab = async (...args: readonly string[]): Promise<CliEnd> => await startCli(['lab', ...args, '--dir', directory], { env: process.env }).ended;
    try {
      const killed = startCli(['lab', 'up', '--dir', directory, '--only', 'machines', '--nodes', '1'], { env: process.env });
      await eventually(async () => await findNodeSet(directory).then((set) => set !== undefined), SOON, 'machines are begun');
      killed.child.kill('SIGKILL');
      await killed.ended;
      expect((await findNodeSet(directory))?.formedAt).toBeUndefined();
      expect(await lab('up', '--only', 'machines')).toMatchObject({ code: 0 });
      expect((await findNodeSet(directory))?.formedAt).toBeDefined();
      expect((await lab('status')).stdout).toMatch(/^cp-1 +on +10\.77\.\d+\.11 +ssh -F /m);
      expect(await lab('fault', 'power-off', '--node', 'cp-1')).toMatchObject({ code: 0 });
      expect((await lab('status')).stdout).toMatch(/^cp-1 +off /m);
      expect(await lab('fault', 'power-on')).toMatchObject({ code: 2 });
    } finally {
      await lab('down', '--remove');
    }
    expect(existsSync(directory)).toBe(false);
    expect(listLabProcesses(directory)).toEqual([]);
  });

  for (const etcd of ['3.5', '3.7'] as const) {
    const unbuilt = missingServers([`etcd-${etcd}`, `etcdctl-${etcd}`, `etcdutl-${etcd}`]).join(', ');
    it.skipIf(unbuilt !== '')(`run etcd ${etcd}${unbuilt === '' ? '' : ` (skipped: ${unbuilt} not built)`}`, { timeout: 120_000 }, async () => {
      await using world = await TestNodes.create({ count: 3, etcdOnly: true, etcd });
      const { stdout } = await world.etcdctl(['cp-1', 'cp-2', 'cp-3'], 'endpoint', 'status', '-w', 'json');
      const versions = (JSON.parse(stdout) as { Status: { version: string } }[]).map(({ Status }) => Status.version);
      expect(versions).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(new RegExp(`^${etcd}\\.`)) as string));
      expect((await world.ssh('cp-2', 'readlink /proc/$(pgrep -x etcd)/exe')).stdout).toMatch(/\/etcd\n$/);
    });
  }

  it('leave nothing behind, and two sets do not meet', { timeout: 120_000 }, async () => {
    const first = await TestNodes.create({ count: 1, etcdOnly: true });
    const second = await TestNodes.create({ count: 1, etcdOnly: true });
    const pid = await initPid(first.node('cp-1'), first.set.directory);
    expect(pid).toBeGreaterThan(1);
    expect(first.set.network).not.toBe(second.set.network);
    for (const world of [first, second]) {
      await world[Symbol.asyncDispose]();
      expect(listLabProcesses(world.set.directory)).toEqual([]);
      expect(existsSync(`/sys/class/net/${bridgeName(world.set.network)}`)).toBe(false);
      expect(existsSync(world.set.directory)).toBe(false);
      expect(await readFile('/proc/mounts', 'utf8')).not.toContain(world.set.directory);
    }
    expect((await readdir('/sys/class/net')).filter((name) => name.startsWith(`ldr${first.set.network}-`))).toEqual([]);
  });
});
