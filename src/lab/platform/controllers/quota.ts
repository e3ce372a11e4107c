import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { limitsOf, parsePrincipal, quotaUse } from '../service/quota.ts';
import { workloadOfService } from '../service/spec.ts';

const MANAGER = 'lattice-quota-controller';

/** LatticeQuota: Active, Exceeded (which still works), or Invalid (F1), with what is used. */
export function quotaController(context: PlatformContext): Controller {
  const all = (): readonly string[] => context.caches.list(TYPES.LatticeQuota).map(objectKey);
  return {
    name: 'quota',
    watches: [
      { type: TYPES.LatticeQuota, keys: ownKey },
      { type: TYPES.LatticeService, keys: all },
      { type: TYPES.Namespace, keys: () => [] },
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const quota = context.caches.get(namespaced(TYPES.LatticeQuota, namespace, name));
      if (quota === undefined) return undefined;
      const write = { kube: context.kube, fieldManager: MANAGER, signal };
      const observedGeneration = quota.metadata.generation;
      if (parsePrincipal(quota.spec?.['principal']) === undefined) {
        await writeStatus(
          quota,
          { phase: 'Invalid', message: `principal ${String(quota.spec?.['principal'])} is not Lattice::Service, Group or User`, observedGeneration },
          write,
        );
        return undefined;
      }
      const used = quotaUse(quota, {
        quotas: [],
        services: context.caches.list(TYPES.LatticeService).map(workloadOfService),
        groupOf: (of) => context.caches.get({ ...TYPES.Namespace, name: of })?.metadata.labels?.['lattice.dev/group'],
      });
      const limits = limitsOf(quota);
      const exceeded = used.cpu > limits.cpu || used.memory > limits.memory;
      const amounts = { cpu: `${Math.round(used.cpu * 1_000)}m`, memory: String(Math.round(used.memory)) };
      await writeStatus(quota, { phase: exceeded ? 'Exceeded' : 'Active', used: amounts, observedGeneration }, write);
      return undefined;
    },
  };
}
