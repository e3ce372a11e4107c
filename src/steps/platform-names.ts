import type { ObjectRef, ResourceType } from '../model/kube-object.ts';

/** Names the Lattice platform gives to things (evan-hines-js/lattice at 08fbacb; the file is named beside each). */

/** Field manager of everything this tool applies. */
export const FIELD_MANAGER = 'lattice-dr';
/** Annotation on a LatticeCluster that a run created: the run's id. A resume removes nothing without it. */
export const RUN_ANNOTATION = 'dr.lattice.dev/run';
/** Annotation on the parent operator's pod template: the run that had it restarted. */
export const RESTARTED_FOR_ANNOTATION = 'dr.lattice.dev/restarted-for';

export const SYSTEM_NAMESPACE = 'lattice-system';
export const LATTICE_API = 'lattice.dev/v1alpha1';
export const LATTICE_CLUSTER: ResourceType = { apiVersion: LATTICE_API, kind: 'LatticeCluster' };
export const CAPI_CLUSTER: ResourceType = { apiVersion: 'cluster.x-k8s.io/v1beta1', kind: 'Cluster' };
export const CAPI_CLUSTER_V1BETA2: ResourceType = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster' };

export const CRD_TYPE: ResourceType = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };

/** The operator's Deployment (lattice-operator chart). */
export const OPERATOR: ObjectRef = { apiVersion: 'apps/v1', kind: 'Deployment', namespace: SYSTEM_NAMESPACE, name: 'lattice-operator' };

/** The LatticeCluster of a name; cluster-scoped (lattice-crd/src/crd/cluster.rs). */
export function latticeClusterRef(name: string): ObjectRef {
  return { ...LATTICE_CLUSTER, name };
}

/** Namespace of a cluster's CAPI objects (lattice-capi/src/provider/mod.rs). */
export function capiNamespace(name: string): string {
  return `capi-${name}`;
}

/** Direct, unpatched kubeconfig of a child on its parent, owned by the LatticeCluster (lattice-cluster/src/phases/provisioning.rs). */
export function directKubeconfigRef(name: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'Secret', namespace: 'istio-system', name: `istiod-direct-kubeconfig-${name}` };
}

/** The CAPI kubeconfig of a child while its CAPI objects are on the parent; its server is rewritten to a proxy after a while. */
export function capiKubeconfigRef(name: string): ObjectRef {
  return { apiVersion: 'v1', kind: 'Secret', namespace: capiNamespace(name), name: `${name}-kubeconfig` };
}
