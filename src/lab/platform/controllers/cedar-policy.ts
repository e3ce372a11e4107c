import { type Controller, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { parseObject } from '../cedar/policies.ts';
import { type PlatformContext, timestamp } from '../context.ts';

const MANAGER = 'lattice-cedar-policy-controller';

/** CedarPolicy: Valid or Invalid (F1), with the counts of its policies. */
export function cedarPolicyController(context: PlatformContext): Controller {
  return {
    name: 'cedar-policy',
    watches: [{ type: TYPES.CedarPolicy, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const policy = context.caches.get(namespaced(TYPES.CedarPolicy, namespace, name));
      if (policy === undefined || policy.status?.['observedGeneration'] === policy.metadata.generation) return undefined;
      const { policies, fault } = parseObject(policy);
      const count = (effect: string): number => policies.filter((one) => one.effect === effect).length;
      const status = {
        phase: fault === undefined ? 'Valid' : 'Invalid',
        permitCount: count('permit'),
        forbidCount: count('forbid'),
        validationErrors: fault === undefined ? [] : [fault],
        lastValidated: timestamp(context.clock),
        observedGeneration: policy.metadata.generation,
      };
      await writeStatus(policy, status, { kube: context.kube, fieldManager: MANAGER, signal });
      return undefined;
    },
  };
}
