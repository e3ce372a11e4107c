import { setTimeout as sleep } from 'node:timers/promises';
import { DrError } from '../../errors/dr-error.ts';
import type { ClusterOperation } from '../cluster-servers.ts';
import { getCluster } from '../state.ts';
import { listRecords, processOf, type ServerRecord } from '../supervise/record.ts';
import { waitGone } from '../supervise/stop-server.ts';

const POLL_MS = 100;

/**
 * Kills the Velero server of a cluster (SIGKILL), as an out-of-memory killer does, and waits until the node has started the container again. The new server
 * marks a running backup or restore as Failed (Velero 1.18 `markInProgressCRsFailed`). Throws `LAB_NOT_RUNNING` when it does not run.
 */
export async function killVelero(options: ClusterOperation): Promise<void> {
  await killPodOf('velero', options);
}

/** Kills the node agents of a cluster; what they had under way is found again or marked as failed by the next ones. */
export async function killNodeAgent(options: ClusterOperation): Promise<void> {
  await killPodOf('node-agent', options);
}

async function killPodOf(workload: 'velero' | 'node-agent', options: ClusterOperation): Promise<void> {
  const cluster = await getCluster(options.directory, options.cluster);
  const prefix = `${cluster.id}.${workload}-`;
  const living = async (): Promise<readonly ServerRecord[]> =>
    (await listRecords(options.directory)).filter((record) => record.id.startsWith(prefix) && processOf(record) !== undefined);
  const victims = await living();
  if (victims.length === 0) throw new DrError({ code: 'LAB_NOT_RUNNING', message: `${workload} does not run on ${cluster.id}` });
  for (const { pid } of victims) process.kill(pid, 'SIGKILL');
  await waitGone(victims.flatMap((record) => processOf(record) ?? []));
  while ((await living()).length < victims.length) await sleep(POLL_MS, undefined, { signal: options.signal });
}
