import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../adapters/clock/system-clock.ts';
import { openCluster } from '../../adapters/kube/kube-clusters.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { ClusterOperation } from '../cluster-servers.ts';
import { getCluster } from '../state.ts';
import { listRecords, processOf, type ServerRecord } from '../supervise/record.ts';
import { waitGone } from '../supervise/stop-server.ts';

const VELERO = 'velero.io/v1';
const POLL_MS = 50;

/**
 * Kills the Velero server of a cluster (SIGKILL), as an out-of-memory killer does, and waits until the node has started the container again. The new server
 * marks a running backup or restore as Failed (Velero 1.18 `markInProgressCRsFailed`). With `afterVolumes` it strikes in the middle: as soon as a restore runs
 * and so many volumes of it are complete. Throws `LAB_NOT_RUNNING` when it does not run.
 */
export async function killVelero(options: ClusterOperation & { readonly afterVolumes?: number }): Promise<void> {
  if (options.afterVolumes !== undefined) await untilRestored(options.afterVolumes, options);
  await killPodOf('velero', options);
}

/** Kills the node agents of a cluster; what they had under way is found again or marked as failed by the next ones. */
export async function killNodeAgent(options: ClusterOperation): Promise<void> {
  await killPodOf('node-agent', options);
}

/** Waits for a restore that runs and has brought back so many volumes: by snapshot (the volume carries its label) or by files (Completed). */
async function untilRestored(volumes: number, { directory, cluster: name, signal }: ClusterOperation): Promise<void> {
  const { kubeconfigs } = await getCluster(directory, name);
  await using kube = await openCluster({ kubeconfigPath: kubeconfigs.admin }, { clock: systemClock, env: process.env });
  const ofRestore = ({ metadata }: KubeObject): unknown => metadata.labels?.['velero.io/restore-name'];
  for (;;) {
    const restores = (await kube.list({ apiVersion: VELERO, kind: 'Restore' }, { signal })) ?? [];
    const running = restores.filter(({ status }) => status?.['phase'] === 'InProgress').map(({ metadata }) => metadata.name);
    const snapshots = (await kube.list({ apiVersion: 'v1', kind: 'PersistentVolume' }, { signal })) ?? [];
    const files = (await kube.list({ apiVersion: VELERO, kind: 'PodVolumeRestore' }, { signal })) ?? [];
    const done = [...snapshots, ...files.filter(({ status }) => status?.['phase'] === 'Completed')].map(ofRestore);
    if (running.some((restore) => done.filter((one) => one === restore).length >= volumes)) return;
    await sleep(POLL_MS, undefined, { signal });
  }
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
