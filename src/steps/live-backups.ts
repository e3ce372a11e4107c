import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { LiveObjects } from '../specs/backups/live-setup.ts';
import { ObjectLister } from './object-lister.ts';

const VELERO = 'velero.io/v1';
const CORE = 'v1';
/** Cluster API and its providers (cluster-api `docs/book`, provider contracts). */
const CAPI_GROUPS = ['cluster.x-k8s.io', 'controlplane.cluster.x-k8s.io', 'bootstrap.cluster.x-k8s.io', 'infrastructure.cluster.x-k8s.io'];

/** Reads what a cluster says of its backups. No content of a Secret leaves this function; what cannot be read is a finding. */
export async function readLiveBackups(
  cluster: KubeCluster,
  signal: AbortSignal,
): Promise<{ readonly live: LiveObjects; readonly findings: readonly string[] }> {
  const lister = new ObjectLister(cluster, { signal });
  const list = async (apiVersion: string, kind: string): Promise<readonly KubeObject[]> => await lister.type({ apiVersion, kind } satisfies ResourceType);
  const [platform, secrets, capi, schedules, locations, snapshotLocations, claims, pods, deployments] = await Promise.all([
    lister.group('lattice.dev'),
    list(CORE, 'Secret'),
    Promise.all(CAPI_GROUPS.map(async (group) => await lister.group(group))),
    list(VELERO, 'Schedule'),
    list(VELERO, 'BackupStorageLocation'),
    list(VELERO, 'VolumeSnapshotLocation'),
    list(CORE, 'PersistentVolumeClaim'),
    list(CORE, 'Pod'),
    list('apps/v1', 'Deployment'),
  ]);
  const live: LiveObjects = {
    objects: [...platform, ...secrets.map(nameOnly), ...capi.flat()].filter(isOriginal),
    schedules,
    locations,
    snapshotLocations,
    claims,
    pods,
    velero: deployments.find(({ metadata }) => metadata.namespace === 'velero' && metadata.name === 'velero'),
  };
  return { live, findings: lister.findings };
}

function nameOnly({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, ownerReferences, labels } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(ownerReferences === undefined ? {} : { ownerReferences }),
    },
  };
}

/** What a controller has made of something else comes back by itself (mesh members of services, secrets that are synced). Cluster API owners are no such thing. */
function isOriginal({ apiVersion, metadata }: KubeObject): boolean {
  return apiVersion.includes('cluster.x-k8s.io') || metadata.ownerReferences?.some(({ controller }) => controller === true) !== true;
}
