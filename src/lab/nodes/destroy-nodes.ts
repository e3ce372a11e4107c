import { rm } from 'node:fs/promises';
import type { LabOperation } from '../progress.ts';
import { powerOff } from './machine/power.ts';
import { releaseNetworks } from './network.ts';
import { findNodeSet, nodesFolder } from './node-set.ts';

/** Switches the machines of a lab off and takes their disks and their network away. Returns false when there are none. */
export async function destroyNodes(operation: LabOperation): Promise<boolean> {
  const { directory, signal } = operation;
  const set = await findNodeSet(directory);
  await Promise.all((set?.nodes ?? []).map(async (node) => await powerOff(node, operation)));
  await releaseNetworks(directory, signal);
  await rm(nodesFolder(directory), { recursive: true, force: true });
  return set !== undefined;
}
