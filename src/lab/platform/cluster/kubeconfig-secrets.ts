import { type KubeObject, refOf } from '../../../model/kube-object.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { capiNamespace, type PlatformContext } from '../context.ts';
import { ownedBy } from '../owner.ts';
import { CLUSTER_MANAGER } from './cluster-status.ts';

/** Where the direct kubeconfig of a child is kept on its parent. */
export const ISTIO_SYSTEM = 'istio-system';

/** Name of that Secret. */
function directKubeconfigName(cluster: string): string {
  return `istiod-direct-kubeconfig-${cluster}`;
}

/**
 * Copies the direct kubeconfig to `istio-system`, once: a copy that is there is never replaced, so the one of a lost cluster is kept until garbage
 * collection has taken it with its LatticeCluster (F9).
 */
export async function copyKubeconfig(cluster: KubeObject, { kube, caches }: PlatformContext, signal: AbortSignal): Promise<void> {
  const { name } = cluster.metadata;
  if (caches.get(namespaced(TYPES.Secret, ISTIO_SYSTEM, directKubeconfigName(name))) !== undefined) return;
  const source = caches.get(namespaced(TYPES.Secret, capiNamespace(name), `${name}-kubeconfig`));
  const kubeconfig = (source?.['data'] as Readonly<Record<string, string>> | undefined)?.['value'];
  if (kubeconfig === undefined) return;
  const labels = { 'app.kubernetes.io/managed-by': 'lattice', 'lattice.dev/cluster': name };
  const metadata = { namespace: ISTIO_SYSTEM, name: directKubeconfigName(name), labels, ownerReferences: [{ ...ownedBy(cluster), blockOwnerDeletion: false }] };
  await kube.apply({ ...TYPES.Secret, metadata, data: { kubeconfig } }, { fieldManager: CLUSTER_MANAGER, force: true, signal });
}

/** Points the Cluster API kubeconfig at the in-cluster proxy, after which it is of no use from outside (F8). */
export async function redirectKubeconfig(name: string, { kube, caches }: PlatformContext, signal: AbortSignal): Promise<void> {
  const secret = caches.get(namespaced(TYPES.Secret, capiNamespace(name), `${name}-kubeconfig`));
  const isCopied = caches.get(namespaced(TYPES.Secret, ISTIO_SYSTEM, directKubeconfigName(name))) !== undefined;
  const value = (secret?.['data'] as Readonly<Record<string, string>> | undefined)?.['value'];
  if (secret === undefined || value === undefined || !isCopied) return;
  const config = JSON.parse(Buffer.from(value, 'base64').toString()) as Kubeconfig;
  const server = `https://lattice-cell-internal.lattice-system.svc:8081/clusters/${name}`;
  if (config.clusters.every((entry) => entry.cluster.server === server)) return;
  const redirected = { ...config, clusters: config.clusters.map((entry) => ({ ...entry, cluster: { ...entry.cluster, server } })) };
  await kube.mergePatch(
    refOf(secret),
    { data: { value: Buffer.from(JSON.stringify(redirected)).toString('base64') } },
    { fieldManager: CLUSTER_MANAGER, signal },
  );
}

/** The lab writes its kubeconfigs as JSON. */
interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly server: string } }[];
}
