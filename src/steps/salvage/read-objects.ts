import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type ListScope, ObjectLister } from '../object-lister.ts';

/** Groups of Cluster API: core, and the providers' (cluster-api `docs/book`, provider contracts). */
const CAPI_GROUPS = [
  'cluster.x-k8s.io',
  'controlplane.cluster.x-k8s.io',
  'bootstrap.cluster.x-k8s.io',
  'infrastructure.cluster.x-k8s.io',
  'ipam.cluster.x-k8s.io',
];

/** What could be read of a cluster. */
export interface ObjectsRead {
  readonly specs: readonly KubeObject[];
  readonly capi: readonly KubeObject[];
  readonly secrets: readonly KubeObject[];
  /** What could not be read, and why. */
  readonly findings: readonly string[];
}

/** Reads the platform's specs, Cluster API objects and Secrets of a cluster, or of one namespace of it. */
export async function readObjects(cluster: KubeCluster, scope: ListScope): Promise<ObjectsRead> {
  const lister = new ObjectLister(cluster, scope);
  const capi = async (): Promise<readonly KubeObject[]> => (await Promise.all(CAPI_GROUPS.map(async (group) => await lister.group(group)))).flat();
  const [secrets, specs, machines] = await Promise.all([lister.type({ apiVersion: 'v1', kind: 'Secret' }), lister.group('lattice.dev'), capi()]);
  return { specs, capi: machines, secrets, findings: lister.findings };
}
