import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, type Requeue } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { capiNamespace, LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { addFinalizer, removeFinalizer } from '../finalizers.ts';
import { CELL_SERVICE, installCell } from '../install/base.ts';
import { CLUSTER_FINALIZER, CLUSTER_MANAGER, writePhase } from './cluster-status.ts';

/** Name of the Secret that a cluster with a parent has. */
export const PARENT_CONFIG = 'lattice-parent-config';

/**
 * The LatticeCluster of the cluster it is on: Pending until its Cluster API objects have come by the pivot, then Ready. Deleted, it stays in Unpivoting
 * until its parent has ended its machines (upstream `handle_self_deletion`).
 */
export function selfController(context: PlatformContext): Controller {
  const own = context.cluster.name;
  const all = (): readonly string[] => [own];
  return {
    name: 'self-cluster',
    watches: [
      { type: TYPES.LatticeCluster, keys: (object) => (object.metadata.name === own ? [own] : []) },
      { type: TYPES.CapiCluster, keys: all },
      { type: TYPES.Node, keys: all },
      ...[TYPES.Secret, TYPES.Service].map((type) => ({ type, keys: () => [] })),
    ],
    async reconcile(name, signal): Promise<Requeue> {
      const cluster = context.caches.get({ ...TYPES.LatticeCluster, name });
      if (cluster === undefined) return undefined;
      const edit = { kube: context.kube, fieldManager: CLUSTER_MANAGER, signal };
      const hasParent = context.caches.get(namespaced(TYPES.Secret, LATTICE_SYSTEM, PARENT_CONFIG)) !== undefined;
      if (cluster.metadata.deletionTimestamp !== undefined) {
        if (hasParent) await writePhase(cluster, { phase: 'Unpivoting', message: 'Agent sending CAPI resources to parent' }, { context, signal });
        else await removeFinalizer(cluster, CLUSTER_FINALIZER, edit);
        return undefined;
      }
      if (hasParent) await addFinalizer(cluster, CLUSTER_FINALIZER, edit);
      // A cluster that provisions others has a cell; a root has one from its installation.
      if ((cluster.spec?.['parentConfig'] ?? null) !== null && !hasCell(context)) await installCell(context, signal);
      const capi = context.caches.get(namespaced(TYPES.CapiCluster, capiNamespace(name), name));
      const phase = phaseOf(cluster);
      if (phase !== 'Ready' && hasParent && phaseOf(capi) !== 'Provisioned') {
        await writePhase(cluster, { phase: 'Pending', message: 'Waiting for CAPI resources' }, { context, signal });
        return undefined;
      }
      if (phase !== 'Ready') await writePhase(cluster, { phase: 'Ready' }, { context, signal });
      else await writeStatus(cluster, readyStatus(cluster, context), edit);
      return undefined;
    },
  };
}

function readyStatus(cluster: KubeObject, context: PlatformContext): JsonObject {
  const ready = context.caches.list(TYPES.Node).filter(isReady);
  const isControlPlane = (node: KubeObject): boolean => node.metadata.labels?.['node-role.kubernetes.io/control-plane'] !== undefined;
  const spec = cluster.spec as {
    latticeImage?: string;
    provider?: { kubernetes?: { version?: string } };
    nodes?: { workerPools?: Record<string, { replicas: number; max?: number | null }> };
  };
  const workerPools = Object.fromEntries(
    Object.entries(spec.nodes?.workerPools ?? {}).map(([pool, { replicas, max }]) => {
      const readyReplicas = ready.filter((node) => node.metadata.labels?.['lattice.dev/pool'] === pool).length;
      return [pool, { desiredReplicas: replicas, currentReplicas: readyReplicas, readyReplicas, autoscalingEnabled: typeof max === 'number' }];
    }),
  );
  return {
    endpoint: `127.0.0.1:${context.cluster.ports.apiserver}`,
    version: `v${spec.provider?.kubernetes?.version ?? ''}`,
    latticeImage: spec.latticeImage ?? null,
    readyControlPlane: ready.filter(isControlPlane).length,
    readyWorkers: ready.filter((node) => !isControlPlane(node)).length,
    workerPools,
    observedGeneration: cluster.metadata.generation,
  };
}

function hasCell({ caches }: PlatformContext): boolean {
  return caches.get(namespaced(TYPES.Service, LATTICE_SYSTEM, CELL_SERVICE)) !== undefined;
}

function isReady(node: KubeObject): boolean {
  const conditions = (node.status?.['conditions'] ?? []) as unknown as readonly { readonly type: string; readonly status: string }[];
  return conditions.some((condition) => condition.type === 'Ready' && condition.status === 'True');
}
