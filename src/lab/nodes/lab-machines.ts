import { mkdir } from 'node:fs/promises';
import type { LabOperation } from '../progress.ts';
import { findRecord } from '../supervise/record.ts';
import { together } from '../together.ts';
import { type CreateNodesOptions, createNodes } from './create-nodes.ts';
import { destroyNodes } from './destroy-nodes.ts';
import { initPid, powerOff, powerOn } from './machine/power.ts';
import { releaseNetworks } from './network.ts';
import { findNodeSet, type LabNode, type NodeSet } from './node-set.ts';

export type MachineOptions = Pick<CreateNodesOptions, 'count' | 'preset' | 'encryption' | 'etcd' | 'dataDiskMiB'>;

/**
 * Makes a lab's machines, or switches those on again that were on. One that somebody switched off stays off. Machines whose maker was killed are made anew. Gives
 * `undefined` when there are none and none are asked for.
 */
export async function bringMachinesUp(operation: LabOperation, options: MachineOptions | undefined): Promise<NodeSet | undefined> {
  const { directory, signal } = operation;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const set = await findNodeSet(directory);
  if (set === undefined) return options === undefined ? undefined : await createNodes({ ...operation, ...options });
  if (set.formedAt === undefined) {
    await destroyNodes(operation);
    const { preset, encryption, etcd, dataDiskMiB } = set;
    const apart = set.nodes.filter(({ only }) => only === 'api').length;
    return await createNodes({
      ...operation,
      count: set.nodes.length - apart,
      apiServers: apart,
      preset,
      encryption,
      etcd,
      ...(dataDiskMiB === undefined ? {} : { dataDiskMiB }),
      ...options,
    });
  }
  const wanted = await Promise.all(set.nodes.map(async (node) => ((await findRecord(directory, node.server)) === undefined ? [] : [node])));
  await together(
    signal,
    wanted.flat().map((node) => async (both) => await powerOn(set, node, { ...operation, signal: both })),
  );
  return set;
}

/** Switches a lab's machines off until it comes up again. Their disks stay. */
export async function bringMachinesDown(operation: LabOperation): Promise<void> {
  const set = await findNodeSet(operation.directory);
  if (set === undefined) return;
  await Promise.all(set.nodes.map(async (node) => await powerOff(node, { ...operation, keepWanted: true })));
  await releaseNetworks(operation.directory, operation.signal);
}

export interface MachineStatus extends Pick<LabNode, 'name' | 'address' | 'kubeconfig'> {
  readonly state: 'on' | 'off';
  /** Command that leads there. */
  readonly ssh: string;
}

/** The machines of a lab; none when it has none. */
export async function machineStatus(directory: string): Promise<readonly MachineStatus[]> {
  const set = await findNodeSet(directory);
  if (set === undefined) return [];
  return await Promise.all(
    set.nodes.map(async ({ name, address, kubeconfig, ...node }) => {
      const state = (await initPid({ name, address, kubeconfig, ...node }, directory)) === undefined ? 'off' : 'on';
      return { name, address, kubeconfig, state, ssh: `ssh -F ${set.ssh.configFile} ${name}` };
    }),
  );
}
