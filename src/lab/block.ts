import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { DrError } from '../errors/dr-error.ts';
import type { ClusterPorts, LabCluster } from './config.ts';
import { isExistingFile, isMissingFile } from './file-errors.ts';
import { layoutOf, stateHome } from './layout.ts';

/**
 * Ports below Linux's default range of ephemeral ports (32768), so that no outgoing connection takes one while a server is down: a restarted server
 * must find its port, because kubeconfigs and Secrets name it.
 */
const FIRST_PORT = 16_000;
const PORTS_PER_BLOCK = 128;
const BLOCKS = 128;
const PORTS_PER_CLUSTER = 14;
const SHARED_PORTS = 16;

/** Clusters a lab can have at once. */
export const CLUSTER_SLOTS = 8;

/** Loopback of block n is `127.<64 + n>.0.0/16`; each cluster slot has a /20 of it. */
const FIRST_OCTET2 = 64;

/**
 * Claims a block of ports and loopback addresses for a lab on this machine, the first whose ports are all free. Claims are files in this user's state
 * folder; one whose lab directory is gone is void. Claiming again for the same directory gives the same block.
 */
export async function claimBlock(labDirectory: string, env: NodeJS.ProcessEnv): Promise<number> {
  const folder = join(stateHome(env), 'lab-blocks');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const taken = await readClaims(folder);
  for (const [block, owner] of taken) if (owner === labDirectory) return block;
  for (let block = 0; block < BLOCKS; block += 1) {
    if (taken.has(block) || !(await portsAreFree(block))) continue;
    if (await claim(join(folder, String(block)), labDirectory)) return block;
  }
  throw new DrError({
    code: 'LAB_SERVER_FAILED',
    message: `no free block of ${PORTS_PER_BLOCK} ports between ${FIRST_PORT} and ${FIRST_PORT + BLOCKS * PORTS_PER_BLOCK - 1} for the lab in ${labDirectory}`,
    suggestions: [`remove labs that are no longer used; their claims are in ${folder}`],
  });
}

export interface SharedPorts {
  readonly s3: number;
  readonly dns: number;
  readonly dnsStatistics: number;
  readonly s3Proxy: number;
  readonly s3ProxyControl: number;
}

/** Ports of the servers that a lab's clusters share. */
export function sharedPorts(block: number): SharedPorts {
  const base = FIRST_PORT + block * PORTS_PER_BLOCK;
  return { s3: base, dns: base + 1, dnsStatistics: base + 2, s3Proxy: base + 3, s3ProxyControl: base + 4 };
}

/** Ports of the cluster in a slot. */
export function clusterPorts(block: number, slot: number): ClusterPorts {
  const base = FIRST_PORT + block * PORTS_PER_BLOCK + SHARED_PORTS + slot * PORTS_PER_CLUSTER;
  return {
    apiserver: base,
    etcdClient: base + 1,
    etcdPeer: base + 2,
    controllerManager: base + 3,
    faultProxy: base + 4,
    latencyProxy: base + 5,
    faultControl: base + 6,
    veleroMetrics: base + 7,
    veleroProfiler: base + 8,
    platformControl: base + 9,
    platformWebhook: base + 10,
    nodeControl: base + 11,
  };
}

/** Loopback addresses of the cluster in a slot. */
export function clusterAddresses(block: number, slot: number): LabCluster['addresses'] {
  return { octet2: FIRST_OCTET2 + block, octet3From: slot * 16 };
}

/**
 * Claims a cluster slot of a lab for an id: the one after the slot that was claimed last, so that a dead cluster's ports and addresses stay closed as
 * long as possible and an old kubeconfig does not meet a new server.
 */
export async function claimSlot(labDirectory: string, id: string, lastSlot: number | undefined): Promise<number> {
  const folder = layoutOf(labDirectory).slots;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (let step = 1; step <= CLUSTER_SLOTS; step += 1) {
    const slot = ((lastSlot ?? -1) + step) % CLUSTER_SLOTS;
    if (await claim(join(folder, String(slot)), id)) return slot;
  }
  throw new DrError({
    code: 'LAB_SERVER_FAILED',
    message: `the lab in ${labDirectory} has ${CLUSTER_SLOTS} clusters already, which is all it has ports for`,
    suggestions: ['destroy one: lattice-dr lab destroy <cluster>'],
  });
}

/** Gives a slot back. */
export async function releaseSlot(labDirectory: string, slot: number): Promise<void> {
  await rm(join(layoutOf(labDirectory).slots, String(slot)), { force: true });
}

async function readClaims(folder: string): Promise<ReadonlyMap<number, string>> {
  const claims = new Map<number, string>();
  for (const entry of await readdir(folder)) {
    if (!/^\d+$/.test(entry)) continue;
    const owner = await readFile(join(folder, entry), 'utf8').catch(() => '');
    if (owner !== '' && (await labExists(owner))) claims.set(Number(entry), owner);
    else await rm(join(folder, entry), { force: true });
  }
  return claims;
}

async function labExists(directory: string): Promise<boolean> {
  return await readdir(directory).then(
    () => true,
    (error: unknown) => !isMissingFile(error),
  );
}

/** Linking a finished file is atomic, so that nobody reads a claim without its owner. */
async function claim(path: string, owner: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}.tmp`;
  await writeFile(draft, owner, { mode: 0o600 });
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (isExistingFile(error)) return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function portsAreFree(block: number): Promise<boolean> {
  const base = FIRST_PORT + block * PORTS_PER_BLOCK;
  for (let port = base; port < base + PORTS_PER_BLOCK; port += 1) if (!(await portIsFree(port))) return false;
  return true;
}

async function portIsFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
  } finally {
    server.close();
  }
}
