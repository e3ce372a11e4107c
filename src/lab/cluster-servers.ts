import { ensureBinaries } from './binaries/ensure.ts';
import type { LabCluster, LabConfig } from './config.ts';
import type { LabOperation } from './progress.ts';
import { apiserverSpec } from './servers/apiserver.ts';
import { controllerManagerSpec } from './servers/controller-manager.ts';
import { etcdSpec } from './servers/etcd.ts';
import { faultProxySpec } from './servers/fault-proxy.ts';
import { type StandInName, standInSpec } from './servers/stand-in.ts';
import { getCluster, getLab } from './state.ts';
import { listRecords } from './supervise/record.ts';
import { startServer } from './supervise/start-server.ts';
import { together } from './together.ts';

/** What may run on a cluster once its control plane does; what its pods run is the node's affair. */
const SERVICES: readonly StandInName[] = ['node', 'platform'];

export interface ClusterOperation extends LabOperation {
  /** Name (then the living instance is meant) or id. */
  readonly cluster: string;
}

/**
 * Starts what makes a cluster a cluster (etcd, API server, controller manager and, where the lab has them, the fault proxy) and waits until all are
 * ready; what lives already is adopted. Takes 3 to 5 s on a free machine, nearly all of it the API server.
 */
export async function startControlPlane(lab: LabConfig, cluster: LabCluster, operation: LabOperation): Promise<void> {
  const files = await ensureBinaries({ names: ['etcd', 'kube-apiserver', 'kube-controller-manager'], signal: operation.signal });
  await together(operation.signal, [
    async (signal) => await startServer(etcdSpec(lab, cluster, files.etcd), { ...operation, signal }),
    async (signal) => {
      await startServer(apiserverSpec(lab, cluster, files['kube-apiserver']), { ...operation, signal });
      await startServer(controllerManagerSpec(lab, cluster, files['kube-controller-manager']), { ...operation, signal });
    },
    async (signal) => {
      if (lab.behaviour.faultProxy) await startServer(faultProxySpec(lab, cluster), { ...operation, signal });
    },
  ]);
}

/** Starts the platform stand-in of a cluster, or adopts the one that runs. */
export async function startPlatform(operation: ClusterOperation): Promise<void> {
  await startService('platform', operation);
}

/** Starts the node stand-in of a cluster, or adopts the one that runs. */
export async function startNode(operation: ClusterOperation): Promise<void> {
  await startService('node', operation);
}

/** Starts again the services that are wanted on a cluster and have died. */
export async function restartServices(cluster: LabCluster, operation: LabOperation): Promise<void> {
  const wanted = new Set((await listRecords(operation.directory)).map((record) => record.id));
  const services = SERVICES.filter((service) => wanted.has(`${cluster.id}.${service}`));
  await together(
    operation.signal,
    services.map((service) => async (signal) => await startService(service, { ...operation, cluster: cluster.id, signal })),
  );
}

async function startService(service: StandInName, operation: ClusterOperation): Promise<void> {
  const lab = await getLab(operation.directory);
  const cluster = await getCluster(operation.directory, operation.cluster);
  await startServer(await standInSpec(lab, cluster, service), operation);
}
