import { join } from 'node:path';
import type { LabCluster, LabConfig } from '../config.ts';
import { layoutOf } from '../layout.ts';
import { answersOk } from '../supervise/probe.ts';
import type { ServerSpec } from '../supervise/server-spec.ts';

/** Controllers a lab needs for volumes, workloads and deletion (names of Kubernetes 1.36, `cmd/kube-controller-manager/names`). */
const CONTROLLERS = [
  'persistentvolume-binder-controller',
  'persistentvolume-protection-controller',
  'persistentvolumeclaim-protection-controller',
  'deployment-controller',
  'replicaset-controller',
  'daemonset-controller',
  'statefulset-controller',
  'endpointslice-controller',
  'namespace-controller',
  'garbage-collector-controller',
];

/** The controller manager, with administrator rights as one user: the rights of each controller's service account would need token and account controllers too. */
export function controllerManagerSpec(lab: LabConfig, cluster: LabCluster, file: string): ServerSpec {
  const port = cluster.ports.controllerManager;
  return {
    id: `${cluster.id}.controllers`,
    cluster: cluster.id,
    file,
    args: [
      `--kubeconfig=${cluster.kubeconfigs.controllers}`,
      '--authentication-kubeconfig=',
      `--controllers=${CONTROLLERS.join(',')}`,
      '--leader-elect=false',
      '--use-service-account-credentials=false',
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      `--cert-dir=${join(cluster.directory, 'controller-manager')}`,
      // The default of 15 s would be most of the time a volume takes to bind.
      '--pvclaimbinder-sync-period=1s',
      '--kube-api-qps=200',
      '--kube-api-burst=400',
      '--profiling=false',
    ],
    workDirectory: cluster.directory,
    logPath: join(layoutOf(lab.directory).logs, `${cluster.id}.controllers.log`),
    readyTimeoutMs: 90_000,
    isReady: async (signal) => await answersOk(`https://127.0.0.1:${port}/healthz`, signal, { anyCertificate: true }),
  };
}
