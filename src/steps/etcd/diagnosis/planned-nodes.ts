import { DrError } from '../../../errors/dr-error.ts';
import { kubeadmPreset } from '../../../etcd/presets/kubeadm.ts';
import type { Preset } from '../../../etcd/presets/preset.ts';
import type { PlanControlPlane } from '../../../model/plan/control-plane.ts';
import type { Nodes } from '../../../ports/nodes.ts';
import { openMachines } from '../plane.ts';
import type { PlannedNode } from './gather-node.ts';

/** Machines of the plan, in its order; connects to none. Throws `INPUT_INVALID` for a distribution that cannot be looked at yet. */
export async function plannedNodes(controlPlane: PlanControlPlane, nodes: Nodes): Promise<readonly PlannedNode[]> {
  return await openMachines(controlPlane, presetOf(controlPlane), nodes);
}

function presetOf({ distribution }: PlanControlPlane): Preset {
  if (distribution === 'kubeadm' || distribution === 'lab') return kubeadmPreset();
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `a control plane of ${distribution} cannot be looked at by this tool`,
    suggestions: ['ask its members by hand: etcdctl endpoint status --cluster -w table'],
  });
}
