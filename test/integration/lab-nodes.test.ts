import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loseDisk } from '../../src/lab/nodes/machine/disk-fault.ts';
import { initPid, powerOff, powerOn } from '../../src/lab/nodes/machine/power.ts';
import { bridgeName, setCable } from '../../src/lab/nodes/network.ts';
import { listLabProcesses } from '../../src/lab/supervise/proc.ts';
import { eventually, nodesMissing, TestNodes } from '../support/lab-nodes.ts';

const missing = await nodesMissing();
const SOON = 30_000;

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
      await world.ssh('cp-3', 'mv /etc/kubernetes/manifests/etcd.yaml.bak /etc/kubernetes/manifests/etcd.yaml');
      await eventually(async () => await writes('cp-3'), SOON, 'etcd is back');
    });

    it('come back bare when the disk is lost', async () => {
      await loseDisk(world.node('cp-2'), world.operation);
      await on('cp-2');
      const { stdout } = await world.ssh('cp-2', 'hostname; ls /etc/kubernetes /var/lib/etcd 2>&1');
      expect(stdout).toContain('cp-2\n');
      expect(stdout).not.toContain('pki');
      expect(stdout).not.toContain('member');
      expect(await writes('cp-1')).toBe(true);
    });
  });

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
