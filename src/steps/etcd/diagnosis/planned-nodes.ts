import { DrError } from '../../../errors/dr-error.ts';
import type { PlanControlPlane } from '../../../model/plan/control-plane.ts';
import type { Nodes } from '../../../ports/nodes.ts';
import { knownPreset, openMachines } from '../plane.ts';
import type { PlannedNode } from './gather-node.ts';

/** Machines of the plan, in its order; connects to none. Throws `INPUT_INVALID` for a distribution that cannot be looked at. */
export async function plannedNodes(controlPlane: PlanControlPlane, nodes: Nodes): Promise<readonly PlannedNode[]> {
  const preset = knownPreset(controlPlane);
  if (preset !== undefined) return await openMachines(controlPlane, preset, nodes);
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `a control plane of ${controlPlane.distribution} cannot be looked at by this tool`,
    suggestions: ['ask its members by hand: etcdctl endpoint status --cluster -w table'],
  });
}
