import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { DrError } from '../../errors/dr-error.ts';
import type { LabNode, NodeSet } from './node-set.ts';
import { runCommand } from './run-command.ts';

const NETWORKS = 250;
/** Third octet is the network's index; the bridge has .1, the machines .11 and on. */
const PREFIX = '10.77';
const FIRST_HOST = 10;

export function bridgeName(network: number): string {
  return `ldr${network}`;
}

export function nodeAddress(network: number, position: number): string {
  return `${PREFIX}.${network}.${FIRST_HOST + position}`;
}

export function cableName(network: number, position: number): string {
  return `ldr${network}-${position}`;
}

/**
 * Makes a bridge with a network that nobody has. The bridge itself is the claim, since the kernel gives a name once, and its alias says for whom. One whose
 * lab is gone is taken over. Throws `LAB_SERVER_FAILED` when all are taken.
 */
export async function claimNetwork(labDirectory: string, signal: AbortSignal): Promise<number> {
  for (let network = 0; network < NETWORKS; network += 1) {
    const bridge = bridgeName(network);
    const owner = ownerOf(bridge);
    if (owner !== undefined && owner !== '' && !(await exists(owner))) await removeLink(bridge, signal);
    if (ownerOf(bridge) !== undefined || !(await addBridge(bridge, signal))) continue;
    await runCommand('ip', ['link', 'set', bridge, 'alias', labDirectory], { signal });
    await runCommand('ip', ['addr', 'add', `${PREFIX}.${network}.1/24`, 'dev', bridge], { signal });
    await runCommand('ip', ['link', 'set', bridge, 'up'], { signal });
    return network;
  }
  throw new DrError({
    code: 'LAB_SERVER_FAILED',
    message: `all ${NETWORKS} networks ${PREFIX}.n.0/24 of labs are taken`,
    suggestions: ['see them: ip link show type bridge'],
  });
}

/** Makes the bridge of a set again when it has gone, as after a restart of this system. */
export async function ensureBridge(set: NodeSet, signal: AbortSignal): Promise<void> {
  const bridge = bridgeName(set.network);
  const owner = ownerOf(bridge);
  if (owner === set.directory) return;
  if (owner !== undefined || !(await addBridge(bridge, signal))) {
    throw new DrError({ code: 'LAB_SERVER_FAILED', message: `the network of these machines (${bridge}) is in use by ${owner ?? 'another program'}` });
  }
  await runCommand('ip', ['link', 'set', bridge, 'alias', set.directory], { signal });
  await runCommand('ip', ['addr', 'add', `${PREFIX}.${set.network}.1/24`, 'dev', bridge], { signal });
  await runCommand('ip', ['link', 'set', bridge, 'up'], { signal });
}

/** Takes the bridges of a lab away, also one that a killed command made and never wrote down. */
export async function releaseNetworks(labDirectory: string, signal: AbortSignal): Promise<void> {
  const bridges = readdirSync('/sys/class/net').filter((name) => /^ldr\d+$/.test(name) && ownerOf(name) === labDirectory);
  for (const bridge of bridges) await removeLink(bridge, signal);
}

/**
 * Gives a machine its network card: a pair of interfaces, one of which is in the network namespace of a process and goes with it. May be done again, should
 * whoever did it have been killed half-way.
 */
export async function plugIn(set: NodeSet, node: LabNode, options: { readonly pid: number; readonly signal: AbortSignal }): Promise<void> {
  const { pid, signal } = options;
  const inside = async (...args: readonly string[]): Promise<string> => await runCommand('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...args], { signal });
  await unplug(node, signal);
  await runCommand('ip', ['link', 'add', node.cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)], { signal });
  await runCommand('ip', ['link', 'set', node.cable, 'master', bridgeName(set.network), 'up'], { signal });
  await inside('link', 'set', 'lo', 'up');
  await inside('addr', 'add', `${node.address}/24`, 'dev', 'eth0');
  await inside('link', 'set', 'eth0', 'up');
}

/** Takes a machine's network card away. The kernel does it for a machine that was killed, too, but takes its time. */
export async function unplug(node: LabNode, signal: AbortSignal): Promise<void> {
  await removeLink(node.cable, signal);
}

/** Pulls or plugs the cable at the bridge; the machine sees a link without a carrier. */
export async function setCable(node: LabNode, state: 'up' | 'down', signal: AbortSignal): Promise<void> {
  await runCommand('ip', ['link', 'set', node.cable, state], { signal });
}

/** Nothing when there is none, or it goes by itself meanwhile. */
async function removeLink(name: string, signal: AbortSignal): Promise<void> {
  if (ownerOf(name) === undefined) return;
  await runCommand('ip', ['link', 'del', name], { signal }).catch((error: unknown) => {
    if (ownerOf(name) !== undefined) throw error;
  });
}

/** False when it was there: somebody else was quicker. */
async function addBridge(bridge: string, signal: AbortSignal): Promise<boolean> {
  return await runCommand('ip', ['link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0'], { signal }).then(
    () => true,
    (error: unknown) => {
      if (ownerOf(bridge) !== undefined) return false;
      throw error;
    },
  );
}

/** Alias of an interface, `undefined` when there is none of that name. */
function ownerOf(bridge: string): string | undefined {
  try {
    return readFileSync(`/sys/class/net/${bridge}/ifalias`, 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
