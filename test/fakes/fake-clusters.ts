import { DrError } from '../../src/errors/dr-error.ts';
import type { ClusterRef, Clusters, KubeCluster } from '../../src/ports/kube-cluster.ts';

/** Opens fakes by the path or variable of a reference; throws `KUBECONFIG_INVALID` for one it was not given, as for a file that is missing. */
export function createFakeClusters(clusters: Readonly<Record<string, KubeCluster>>): Clusters {
  return {
    async open(ref) {
      const name = nameOf(ref);
      const cluster = clusters[name];
      if (cluster === undefined) throw new DrError({ code: 'KUBECONFIG_INVALID', message: `cannot read the kubeconfig ${name}` });
      return cluster;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Object.values(clusters).map(async (cluster) => cluster[Symbol.asyncDispose]()));
    },
  };
}

function nameOf(ref: ClusterRef): string {
  if ('kubeconfigPath' in ref) return ref.kubeconfigPath;
  return 'kubeconfigEnv' in ref ? ref.kubeconfigEnv : ref.kubeconfig.reveal();
}
