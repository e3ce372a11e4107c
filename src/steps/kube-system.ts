import type { KubeObject, ObjectRef } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';

/** The namespace whose UID is the customary identity of a cluster: made with it, and never again. */
export const KUBE_SYSTEM: ObjectRef = { apiVersion: 'v1', kind: 'Namespace', name: 'kube-system' };

/** The namespace `kube-system` of a cluster; `undefined` on an API server that has not made it yet. */
export async function kubeSystemOf(cluster: KubeCluster, signal: AbortSignal): Promise<KubeObject | undefined> {
  return await cluster.get(KUBE_SYSTEM, signal);
}
