import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { isObserved, phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { gatewayOf, routesOf } from '../ingress.ts';

const MANAGER = 'lattice-mesh-member-controller';

/**
 * LatticeMeshMember: Ready once its ingress is applied. One whose status says Ready for the current generation is left alone, also when that status was
 * restored and nothing of it was ever applied here (F36).
 */
export function meshMemberController(context: PlatformContext): Controller {
  return {
    name: 'mesh-member',
    watches: [{ type: TYPES.LatticeMeshMember, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const member = context.caches.get(namespaced(TYPES.LatticeMeshMember, namespace, name));
      if (member === undefined || (phaseOf(member) === 'Ready' && isObserved(member))) return undefined;
      const applied = await applyIngress(member, context, signal);
      const status = {
        phase: 'Ready',
        scope: 'Workload',
        message: 'Mesh policies applied',
        observedGeneration: member.metadata.generation,
        appliedResources: applied,
      };
      await writeStatus(member, status, { kube: context.kube, fieldManager: MANAGER, signal });
      return undefined;
    },
  };
}

/** The namespace's one Gateway has a listener for each host of each member, so it is applied whole. */
async function applyIngress(member: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<readonly JsonObject[]> {
  if (member.spec?.['ingress'] === undefined || member.spec['ingress'] === null) return [];
  const namespace = member.metadata.namespace ?? '';
  const objects = [gatewayOf(namespace, context.caches.list(TYPES.LatticeMeshMember, namespace)), ...routesOf(member)];
  for (const object of objects) await context.kube.apply(object, { fieldManager: MANAGER, force: true, signal });
  return objects.map((object) => ({ kind: object.kind, name: object.metadata.name }));
}
