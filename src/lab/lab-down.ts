import { rm } from 'node:fs/promises';
import { withLabLock } from './lab-up.ts';
import type { LabOperation } from './progress.ts';
import { findLab } from './state.ts';
import { listLabProcesses } from './supervise/proc.ts';
import { listRecords } from './supervise/record.ts';
import { killAll, stopServer } from './supervise/stop-server.ts';

/** What stops before what, by the last part of a server's id: first those that start others, last those that others need to end well. */
const STOP_ORDER: readonly (readonly string[])[] = [['platform'], ['node', 'velero'], ['controllers', 'fault-proxy'], ['apiserver'], ['etcd', 's3', 'dns']];

/**
 * Stops everything that runs in a lab. Data stays, and `lab up` brings back what ran, unless `remove` is set: then the whole directory goes. Returns
 * false when the directory has no lab.
 */
export async function labDown(options: LabOperation & { readonly remove?: boolean }): Promise<boolean> {
  const { directory, onProgress, remove = false } = options;
  if ((await findLab(directory)) === undefined) return false;
  await withLabLock(options, async () => {
    for (const group of STOP_ORDER) {
      const ids = (await listRecords(directory)).map((record) => record.id).filter((id) => group.includes(id.slice(id.lastIndexOf('.') + 1)));
      await Promise.all(ids.map(async (id) => await stopServer({ directory, id, keepWanted: true, ...(onProgress === undefined ? {} : { onProgress }) })));
    }
    await killAll(() => listLabProcesses(directory));
  });
  if (remove) await rm(directory, { recursive: true, force: true });
  return true;
}
