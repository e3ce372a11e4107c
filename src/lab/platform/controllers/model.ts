import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { CompileFault, compileService, WaitingForTrust } from '../service/compile.ts';
import type { Workload, WorkloadSpec } from '../service/spec.ts';

const MANAGER = 'lattice-model-controller';

interface RoleSpec {
  readonly replicas?: number | null;
  readonly entryRuntime?: { readonly imagePullSecrets?: readonly string[] };
  readonly entryWorkload: WorkloadSpec;
}

/** LatticeModel: a Deployment for each role, Loading until all are available, then Serving (F1). */
export function modelController(context: PlatformContext): Controller {
  const ofDeployment = (deployment: KubeObject): readonly string[] =>
    (deployment.metadata.ownerReferences ?? [])
      .filter((owner) => owner.kind === 'LatticeModel')
      .map((owner) => `${deployment.metadata.namespace}/${owner.name}`);
  return {
    name: 'model',
    watches: [
      { type: TYPES.LatticeModel, keys: ownKey },
      { type: TYPES.Deployment, keys: ofDeployment },
      ...[TYPES.LatticeService, TYPES.CedarPolicy, TYPES.ImageProvider, TYPES.LatticeQuota, TYPES.Namespace, TYPES.Secret].map((type) => ({
        type,
        keys: () => [],
      })),
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const model = context.caches.get(namespaced(TYPES.LatticeModel, namespace, name));
      if (model === undefined || model.metadata.deletionTimestamp !== undefined) return undefined;
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      const observedGeneration = model.metadata.generation;
      try {
        if (phaseOf(model) !== 'Serving' && phaseOf(model) !== 'Loading') await applyRoles(model, context, signal);
      } catch (error) {
        if (!(error instanceof CompileFault) && !(error instanceof WaitingForTrust)) throw error;
        await writeStatus(model, { phase: 'Failed', message: error.message, observedGeneration }, write);
        return context.lab.behaviour.retryIntervalMs;
      }
      const serving = rolesOf(model).every((role) => isAvailable(context.caches.get(namespaced(TYPES.Deployment, namespace, role.name))));
      const status = serving ? { phase: 'Serving', message: 'Model is serving' } : { phase: 'Loading', message: 'Loading model' };
      await writeStatus(model, { ...status, observedGeneration }, write);
      return undefined;
    },
  };
}

async function applyRoles(model: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<void> {
  for (const role of rolesOf(model)) {
    const { infrastructure, deployment } = compileService(role, context.caches);
    for (const object of [...infrastructure, deployment]) await context.kube.apply(object, { fieldManager: MANAGER, force: true, signal });
  }
}

function rolesOf(model: KubeObject): readonly Workload[] {
  const roles = (model.spec?.['roles'] ?? {}) as unknown as Readonly<Record<string, RoleSpec>>;
  return Object.entries(roles).map(([role, { replicas, entryRuntime, entryWorkload }]) => ({
    namespace: model.metadata.namespace ?? '',
    name: `${model.metadata.name}-${role}`,
    kind: 'model',
    owner: model,
    spec: { workload: entryWorkload, replicas: replicas ?? 1, imagePullSecrets: entryRuntime?.imagePullSecrets ?? [] },
  }));
}

function isAvailable(deployment: KubeObject | undefined): boolean {
  const wanted = deployment?.spec?.['replicas'] ?? 1;
  return deployment !== undefined && Number(deployment.status?.['availableReplicas'] ?? 0) >= Number(wanted);
}
