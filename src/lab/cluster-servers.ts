import { ensureBinaries } from './binaries/ensure.ts';
import type { LabCluster, LabConfig } from './config.ts';
import type { LabOperation } from './progress.ts';
import { apiserverSpec } from './servers/apiserver.ts';
import { controllerManagerSpec } from './servers/controller-manager.ts';
import { etcdSpec } from './servers/etcd.ts';
import { faultProxySpec } from './servers/fault-proxy.ts';
import { startServer } from './supervise/start-server.ts';

/**
 * Starts what makes a cluster a cluster (etcd, API server, controller manager and, where the lab has them, the fault proxy) and waits until all are
 * ready; what lives already is adopted. Takes 3 to 5 s on a free machine, nearly all of it the API server.
 */
export async function startControlPlane(lab: LabConfig, cluster: LabCluster, operation: LabOperation): Promise<void> {
  const { signal } = operation;
  const files = await ensureBinaries({ names: ['etcd', 'kube-apiserver', 'kube-controller-manager'], signal });
  const proxy = lab.behaviour.faultProxy ? startServer(faultProxySpec(lab, cluster), operation) : undefined;
  // The API server waits for etcd by itself, but with a back-off longer than etcd takes.
  await startServer(etcdSpec(lab, cluster, files.etcd), operation);
  await startServer(apiserverSpec(lab, cluster, files['kube-apiserver']), operation);
  await startServer(controllerManagerSpec(lab, cluster, files['kube-controller-manager']), operation);
  await proxy;
}
