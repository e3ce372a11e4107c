import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { MachineNode } from '../../node/machine-data.ts';
import { TYPES } from '../../reconcile/types.ts';
import { capiNamespace } from '../context.ts';

/** Id of the lab cluster that a Cluster API object's machines are. */
export const INSTANCE_ANNOTATION = 'lab.lattice.dev/instance';
/** Finalizer by which deleting a Cluster ends its machines first. */
export const CAPI_FINALIZER = 'cluster.cluster.x-k8s.io';

/** The part of a LatticeCluster's spec that says which machines it has. */
export interface NodesSpec {
  readonly controlPlane: { readonly replicas: number };
  readonly workerPools?: Readonly<
    Record<string, { readonly replicas: number; readonly min?: number | null; readonly labels?: Readonly<Record<string, string>> }>
  >;
}

/** The nodes that a spec declares: replicas of each pool, or its minimum when it is autoscaled. */
export function declaredNodes(cluster: string, nodes: NodesSpec): readonly MachineNode[] {
  const count = (prefix: string, size: number): readonly string[] => Array.from({ length: size }, (_, index) => `${prefix}-${index}`);
  const controlPlane = count(`${cluster}-control-plane`, nodes.controlPlane.replicas).map((name): MachineNode => ({ name, role: 'control-plane', labels: {} }));
  const workers = Object.entries(nodes.workerPools ?? {}).flatMap(([pool, { replicas, min, labels = {} }]) =>
    count(`${cluster}-pool-${pool}`, min ?? replicas).map((name): MachineNode => ({ name, role: 'worker', pool, labels })),
  );
  return [...controlPlane, ...workers];
}

/** Labels of everything that Cluster API holds of a cluster. */
export function capiLabels(cluster: string): Readonly<Record<string, string>> {
  return { 'cluster.x-k8s.io/cluster-name': cluster, 'lattice.dev/cluster': cluster, 'app.kubernetes.io/managed-by': 'lattice' };
}

/** The Cluster API Cluster that asks for machines. Applied again while provisioning, so it names nothing that others fill in. */
export function capiCluster(cluster: KubeObject): KubeObject {
  const { name } = cluster.metadata;
  const network = (cluster.spec?.['provider'] as { kubernetes?: { cluster_network?: JsonObject } } | undefined)?.kubernetes?.cluster_network ?? {};
  return {
    ...TYPES.CapiCluster,
    metadata: { namespace: capiNamespace(name), name, labels: capiLabels(name), finalizers: [CAPI_FINALIZER] },
    spec: { clusterNetwork: network },
  };
}

/** One Machine for each node, owned by the Cluster. */
export function capiMachines(cluster: KubeObject, nodes: readonly MachineNode[], instance: string): readonly KubeObject[] {
  const { name, namespace = '', uid = '' } = cluster.metadata;
  const owner = { ...TYPES.CapiCluster, name, uid, controller: true, blockOwnerDeletion: true };
  return nodes.map((node) => ({
    ...TYPES.CapiMachine,
    metadata: { namespace, name: node.name, labels: { ...capiLabels(name), ...roleLabel(node) }, ownerReferences: [owner] },
    spec: { clusterName: name, providerID: `lab://${instance}/${node.name}` },
  }));
}

function roleLabel(node: MachineNode): Readonly<Record<string, string>> {
  return node.role === 'control-plane' ? { 'cluster.x-k8s.io/control-plane': '' } : { 'lattice.dev/pool': node.pool ?? '' };
}
