import { rm } from 'node:fs/promises';
import type { LabOperation } from '../progress.ts';
import { removeRecord } from '../supervise/record.ts';
import { powerOff } from './machine/power.ts';
import { removeBridge } from './network.ts';
import { findNodeSet, nodesFolder } from './node-set.ts';

/** Switches the machines of a lab off and takes their disks and their network away. Returns false when there are none. */
export async function destroyNodes(operation: LabOperation): Promise<boolean> {
  const { directory, signal } = operation;
  const set = await findNodeSet(directory);
  if (set === undefined) return false;
  await Promise.all(
    set.nodes.map(async (node) => {
      await powerOff(node, operation);
      await removeRecord(directory, node.server);
    }),
  );
  await removeBridge(set.network, signal);
  await rm(nodesFolder(directory), { recursive: true, force: true });
  return true;
}
