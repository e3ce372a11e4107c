import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { storeFor } from '../backup-stores.ts';
import { type PlatformContext } from '../context.ts';

const MANAGER = 'lattice-cluster-backup-controller';

/** What `scope.controlPlane` saves: two of these kinds do not exist, and most of the platform's are missing (F26). */
const CONTROL_PLANE_RESOURCES = [
  'latticeclusters.lattice.dev',
  'latticeservices.lattice.dev',
  'latticeexternalservices.lattice.dev',
  'latticeservicepolicies.lattice.dev',
  'infraproviders.lattice.dev',
  'secretproviders.lattice.dev',
  'cedarpolicies.lattice.dev',
  'oidcproviders.lattice.dev',
  'backupstores.lattice.dev',
  'latticeclusterbackups.lattice.dev',
];
/** What `scope.gpuPaasResources` adds: none of them exists (F26). */
const GPU_RESOURCES = ['gpupools.lattice.dev', 'inferenceendpoints.lattice.dev', 'modelcaches.lattice.dev', 'gputenantquotas.lattice.dev'];

interface BackupSpec {
  readonly schedule: string;
  readonly storeRef?: string | null;
  readonly paused?: boolean;
  readonly scope?: {
    readonly controlPlane?: boolean;
    readonly gpuPaasResources?: boolean;
    readonly includeNamespaces?: readonly string[];
    readonly excludeNamespaces?: readonly string[];
  };
  readonly retention?: { readonly ttl?: string | null };
}

/** LatticeClusterBackup: the Velero Schedule `lattice-<name>`, Active or Paused. The cron text is not checked; `retention.daily` is ignored (F26). */
export function clusterBackupController(context: PlatformContext): Controller {
  const failed = (): readonly string[] => {
    const backups = context.caches.list(TYPES.LatticeClusterBackup);
    return backups.filter((backup) => phaseOf(backup) === 'Failed').map(objectKey);
  };
  return {
    name: 'cluster-backup',
    watches: [
      { type: TYPES.LatticeClusterBackup, keys: ownKey },
      { type: TYPES.BackupStore, keys: failed },
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const backup = context.caches.get(namespaced(TYPES.LatticeClusterBackup, namespace, name));
      if (backup === undefined) return undefined;
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      const observedGeneration = backup.metadata.generation;
      const store = storeFor(specOf(backup).storeRef ?? undefined, namespace, context.caches);
      if (store.name === undefined) {
        await writeStatus(backup, { phase: 'Failed', message: store.fault, observedGeneration }, write);
        return context.lab.behaviour.retryIntervalMs;
      }
      if ((await context.kube.resource(TYPES.VeleroSchedule, signal)) === undefined) {
        await writeStatus(backup, { phase: 'Pending', message: 'Velero not installed', observedGeneration }, write);
        return context.lab.behaviour.retryIntervalMs;
      }
      const schedule = scheduleOf(backup, store.name);
      await context.kube.apply(schedule, { fieldManager: MANAGER, force: true, signal });
      const phase = specOf(backup).paused === true ? 'Paused' : 'Active';
      const made = { message: `Velero Schedule ${phase.toLowerCase()}`, veleroScheduleName: schedule.metadata.name, resolvedStore: store.name };
      await writeStatus(backup, { phase, ...made, observedGeneration }, write);
      return undefined;
    },
  };
}

function scheduleOf(backup: KubeObject, store: string): KubeObject {
  const { schedule, paused = false, scope = {}, retention } = specOf(backup);
  const resources = [...(scope.controlPlane === true ? CONTROL_PLANE_RESOURCES : []), ...(scope.gpuPaasResources === true ? GPU_RESOURCES : [])];
  const template: JsonObject = {
    storageLocation: `lattice-${store}`,
    ...(resources.length > 0 ? { includedResources: resources } : {}),
    ...((scope.includeNamespaces ?? []).length > 0 ? { includedNamespaces: scope.includeNamespaces ?? [] } : {}),
    ...((scope.excludeNamespaces ?? []).length > 0 ? { excludedNamespaces: scope.excludeNamespaces ?? [] } : {}),
    // Passed on as it is: a text that is no Go duration is Velero's to refuse.
    ...(typeof retention?.ttl === 'string' ? { ttl: retention.ttl } : {}),
  };
  return { ...TYPES.VeleroSchedule, metadata: { namespace: 'velero', name: `lattice-${backup.metadata.name}` }, spec: { schedule, paused, template } };
}

function specOf(backup: KubeObject): BackupSpec {
  return backup.spec as unknown as BackupSpec;
}
