import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { releaseSlot } from './block.ts';
import type { ClusterOperation } from './cluster-servers.ts';
import type { LabCluster } from './config.ts';
import { getCluster, getLab, saveCluster } from './state.ts';
import { listLabProcesses } from './supervise/proc.ts';
import { listRecords, removeRecord } from './supervise/record.ts';
import { killAll } from './supervise/stop-server.ts';

/**
 * The disaster: kills every process of a cluster at once (SIGKILL: etcd, API server, controllers, Velero, stand-ins, pods) and deletes its data. With
 * `keepDisks` the directories of its volumes stay, as disks outlive machines. Logs and the audit log stay; so does everybody else's knowledge of the
 * cluster, its LatticeCluster on the parent first of all.
 */
export async function destroyCluster(options: ClusterOperation & { readonly keepDisks?: boolean }): Promise<LabCluster> {
  const { directory, keepDisks = false, onProgress } = options;
  const lab = await getLab(directory);
  const cluster = await getCluster(directory, options.cluster);
  const from = performance.now();
  onProgress?.({ part: cluster.id, state: 'stopping' });
  const destroyed: LabCluster = { ...cluster, destroyedAt: new Date().toISOString() };
  // Marked first: whoever looks now must not restart what is about to die.
  await saveCluster(lab, destroyed);
  for (const record of await listRecords(directory)) if (record.cluster === cluster.id) await removeRecord(directory, record.id);
  await killAll(() => listLabProcesses(directory).filter((one) => one.cluster === cluster.id));
  for (const entry of await readdir(cluster.directory)) {
    const kept = entry === 'cluster.json' || (keepDisks && entry === basename(cluster.disksPath));
    if (!kept) await rm(join(cluster.directory, entry), { recursive: true, force: true });
  }
  await releaseSlot(directory, cluster.slot);
  onProgress?.({
    part: cluster.id,
    state: 'stopped',
    elapsedMs: performance.now() - from,
    note: keepDisks ? 'data deleted, disks kept' : 'data and disks deleted',
  });
  return destroyed;
}
