import { rm } from 'node:fs/promises';
import { withLabLock } from './lab-up.ts';
import { destroyNodes } from './nodes/destroy-nodes.ts';
import { bringMachinesDown } from './nodes/lab-machines.ts';
import { findNodeSet } from './nodes/node-set.ts';
import type { LabOperation } from './progress.ts';
import { findLab } from './state.ts';
import { listLabProcesses } from './supervise/proc.ts';
import { listRecords, type ServerRecord } from './supervise/record.ts';
import { killAll, stopServer } from './supervise/stop-server.ts';

/**
 * What stops before what, by the last part of a server's id: first those that start others, last those that others need to end well. `pod` is what is a
 * container of any pod.
 */
const STOP_ORDER: readonly (readonly string[])[] = [
  ['platform'],
  ['node'],
  ['pod'],
  ['controllers', 'fault-proxy'],
  ['apiserver'],
  ['etcd', 's3', 's3-proxy', 'dns'],
];

/**
 * Stops everything that runs in a lab. Data stays, and `lab up` brings back what ran, unless `remove` is set: then the whole directory goes. Returns
 * false when the directory has no lab.
 */
export async function labDown(options: LabOperation & { readonly remove?: boolean }): Promise<boolean> {
  const { directory, onProgress, remove = false } = options;
  if ((await findLab(directory)) === undefined && (await findNodeSet(directory)) === undefined) return false;
  await withLabLock(options, async () => {
    await (remove ? destroyNodes(options) : bringMachinesDown(options));
    for (const group of STOP_ORDER) {
      const ids = (await listRecords(directory)).filter((record) => group.includes(kindOf(record))).map((record) => record.id);
      await Promise.all(ids.map(async (id) => await stopServer({ directory, id, keepWanted: true, ...(onProgress === undefined ? {} : { onProgress }) })));
    }
    await killAll(() => listLabProcesses(directory));
  });
  if (remove) await rm(directory, { recursive: true, force: true });
  return true;
}

function kindOf({ id, pod }: ServerRecord): string {
  return pod === undefined ? id.slice(id.lastIndexOf('.') + 1) : 'pod';
}
