import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { PlaneWorld } from './plane-world.ts';

/** Written all the time by servers and kubelets that live: leases, addresses and heartbeats. */
const ALIVE = /^\/registry\/(?:leases|masterleases|peerserverleases|events|minions)\//;
const SETTLED_MS = 120_000;
const LOOK_EVERY_MS = 3_000;

/**
 * Every file that a run could have anything to do with, by its SHA-256, a large one by its size and the time of its last change; every folder; every server by its process; every
 * packet filter. What a living etcd writes of itself is left out.
 */
const MACHINE = String.raw`
all() { find /etc/kubernetes /etc/systemd/system /var/lib/lattice-dr /var/lib/etcd -path '/var/lib/etcd/member/*' -prune -o "$@" 2>/dev/null; }
all -printf '%p %y %m\n' | sort
all -type f -size -2049k -exec sha256sum {} + | sed 's/^/file /' | sort -k 3
all -type f -size +2048k -printf 'file %s@%T@  %p\n' | sort -k 3
pgrep -l '^(etcd|kube-|kubelet)' | sort
nft list ruleset
`;

interface KeyList {
  readonly kvs?: readonly { readonly key: string; readonly mod_revision: number }[];
}

async function machineLines(world: PlaneWorld, names: readonly string[]): Promise<readonly string[]> {
  const machines = await Promise.all(
    names.map(async (name) => {
      const { stdout } = await world.nodes.ssh(name, MACHINE);
      return stdout.split('\n').map((line) => `${name}: ${line}`);
    }),
  );
  return machines.flat();
}

/** Every file that a run could have anything to do with, and what tells its content: `cp-1: file SHA-256  PATH`. */
export async function filesOutside(world: PlaneWorld, names: readonly string[]): Promise<readonly string[]> {
  return (await machineLines(world, names)).filter((line) => /^\S+: file /.test(line));
}

/** What a control plane is, asked of its machines and its etcd by other programs than ours: a line for each thing. */
export async function seenOutside(world: PlaneWorld, names: readonly string[]): Promise<readonly string[]> {
  const machines = await machineLines(world, names);
  const [first = ''] = names;
  const { stdout } = await world.nodes.etcdctl([first], 'get', '/', '--prefix', '--keys-only', '-w', 'json');
  const keys = ((JSON.parse(stdout) as KeyList).kvs ?? []).map(({ key, mod_revision: revision }) => `${Buffer.from(key, 'base64').toString()} ${revision}`);
  const members = (await world.members(first)).map(({ id, name, isLearner }) => `member ${name} ${id} ${isLearner}`);
  return [...machines, ...members.toSorted(), ...keys.filter((key) => !ALIVE.test(key))];
}

/** As `seenOutside`, once two looks see the same: what was begun before has come to rest. */
export async function settledOutside(world: PlaneWorld, names: readonly string[]): Promise<readonly string[]> {
  const deadline = performance.now() + SETTLED_MS;
  let before = await seenOutside(world, names);
  for (;;) {
    await sleep(LOOK_EVERY_MS);
    const now = await seenOutside(world, names);
    if (now.join('\n') === before.join('\n')) return now;
    if (performance.now() > deadline) throw new Error(`it does not come to rest:\n${now.filter((line) => !before.includes(line)).join('\n')}`);
    before = now;
  }
}

/** Changes of members that the etcd of a machine has applied since it was started, in order, by its own log: `ConfChangeAddLearnerNode cp-2`. A member that is gone goes by its id. */
export async function memberChanges(world: PlaneWorld, node: string): Promise<readonly string[]> {
  const members = await world.members(node);
  const own = members.find(({ name }) => name === node)?.id ?? '';
  const { stdout } = await world.nodes.ssh(node, `grep -h raft-conf-change /var/log/pods/*etcd*/etcd/*.log | grep '"local-member-id":"${own}"'`);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { 'raft-conf-change': change = '', 'raft-conf-change-node-id': id = '' } = JSON.parse(line) as Readonly<Record<string, string>>;
      return `${change} ${members.find((member) => member.id === id)?.name ?? id}`;
    });
}

/** Names of the servers of a control plane that run on a machine, by their processes. */
export async function serversOn(world: PlaneWorld, node: string): Promise<readonly string[]> {
  const { stdout } = await world.nodes.ssh(node, 'for d in /proc/[0-9]*; do p=$(readlink "$d/exe"); echo "${p##*/}"; done | sort -u');
  return stdout.split('\n').filter((name) => name === 'etcd' || name.startsWith('kube-'));
}

/** Who hears a port of a machine: itself, other machines, and `here` this system, which is another host in the same network. A packet that is dropped is answered by nobody. */
export async function heardBy(
  world: PlaneWorld,
  { node, port }: { readonly node: string; readonly port: number },
  names: readonly string[],
): Promise<readonly string[]> {
  const { address } = world.nodes.node(node);
  const heard = await Promise.all(
    [...names, 'here'].map(async (name) => {
      const knock = `timeout 10 bash -c 'exec 3<>/dev/tcp/${name === node ? '127.0.0.1' : address}/${port}' 2>/dev/null && echo yes || echo no`;
      const { stdout } = name === 'here' ? await promisify(execFile)('bash', ['-c', knock]) : await world.nodes.ssh(name, knock);
      return stdout === 'yes\n' ? [name] : [];
    }),
  );
  return heard.flat();
}

/** How often the kubelet of each machine was started, by its own log. */
export async function kubeletStarts(world: PlaneWorld, names: readonly string[]): Promise<readonly number[]> {
  const ask = async (name: string) => await world.nodes.ssh(name, "grep -c 'stand-in of .* started' /var/log/kubelet.service.log");
  return (await Promise.all(names.map(ask))).map(({ stdout }) => Number(stdout));
}
