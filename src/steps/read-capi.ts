import type { KubeObject } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { ObjectLister } from './object-lister.ts';
import { capiNamespace } from './platform-names.ts';

/** Groups of Cluster API: core, and the providers' (cluster-api `docs/book`, provider contracts). */
const GROUPS = [
  'cluster.x-k8s.io',
  'controlplane.cluster.x-k8s.io',
  'bootstrap.cluster.x-k8s.io',
  'infrastructure.cluster.x-k8s.io',
  'ipam.cluster.x-k8s.io',
  'addons.cluster.x-k8s.io',
  'runtime.cluster.x-k8s.io',
];
/** How often the objects are read again when something has changed meanwhile; a cluster that is being scaled changes all the time. */
const READINGS = 3;

/** The objects of a cluster's Cluster API namespace, with its Secrets and ConfigMaps. */
export interface CapiRead {
  readonly objects: readonly KubeObject[];
  /** Nothing changed between two readings: what was read belongs together, though nothing was paused for it. */
  readonly isSettled: boolean;
  readonly findings: readonly string[];
}

/** Reads the namespace until two readings say the same. Pauses nothing: a reader that is killed would leave the cluster paused. */
export async function readCapi(cluster: KubeCluster, name: string, signal: AbortSignal): Promise<CapiRead> {
  let read = await readOnce(cluster, name, signal);
  for (let reading = 1; reading < READINGS; reading += 1) {
    const again = await readOnce(cluster, name, signal);
    if (stamp(again.objects) === stamp(read.objects)) return { ...again, isSettled: true };
    read = again;
  }
  return { ...read, isSettled: false };
}

async function readOnce(cluster: KubeCluster, name: string, signal: AbortSignal): Promise<Omit<CapiRead, 'isSettled'>> {
  const lister = new ObjectLister(cluster, { namespace: capiNamespace(name), signal });
  const lists = await Promise.all([
    ...GROUPS.map(async (group) => await lister.group(group)),
    lister.type({ apiVersion: 'v1', kind: 'Secret' }),
    lister.type({ apiVersion: 'v1', kind: 'ConfigMap' }),
  ]);
  return { objects: lists.flat(), findings: lister.findings };
}

/** Who is there, and in which version. */
function stamp(objects: readonly KubeObject[]): string {
  return objects
    .map(({ metadata }) => `${metadata.uid ?? ''} ${metadata.resourceVersion ?? ''}`)
    .sort()
    .join('\n');
}
