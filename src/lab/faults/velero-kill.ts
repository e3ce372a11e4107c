import { DrError } from '../../errors/dr-error.ts';
import { type ClusterOperation, startVelero } from '../cluster-servers.ts';
import { getCluster } from '../state.ts';
import { findRecord, processOf } from '../supervise/record.ts';
import { waitGone } from '../supervise/stop-server.ts';

/**
 * Kills the Velero server of a cluster (SIGKILL), as an evicted pod dies, and starts it again. Its plugins are left alive as they would be, and the new
 * server marks a running backup or restore as Failed (Velero 1.18 `markInProgressCRsFailed`). Throws `LAB_NOT_RUNNING` when it does not run.
 */
export async function killVelero(options: ClusterOperation): Promise<void> {
  const cluster = await getCluster(options.directory, options.cluster);
  const record = await findRecord(options.directory, `${cluster.id}.velero`);
  const server = record === undefined ? undefined : processOf(record);
  if (server === undefined) throw new DrError({ code: 'LAB_NOT_RUNNING', message: `Velero does not run on ${cluster.id}` });
  process.kill(server.pid, 'SIGKILL');
  await waitGone([server]);
  await startVelero({ ...options, cluster: cluster.id });
}
