import type { KubeCluster } from '../../ports/kube-cluster.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** Zones that a cluster has nodes in, sorted; none when its nodes name none. */
export async function zonesOf(cluster: KubeCluster, signal: AbortSignal): Promise<readonly string[]> {
  const nodes = (await cluster.list({ apiVersion: 'v1', kind: 'Node' }, { signal })) ?? [];
  return [...new Set(nodes.flatMap(({ metadata }) => metadata.labels?.[ZONE_LABEL] ?? []))].sort();
}

/** Names of a cluster's storage classes, sorted. */
export async function storageClassesOf(cluster: KubeCluster, signal: AbortSignal): Promise<readonly string[]> {
  const classes = (await cluster.list({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' }, { signal })) ?? [];
  return classes.map(({ metadata }) => metadata.name).sort();
}
