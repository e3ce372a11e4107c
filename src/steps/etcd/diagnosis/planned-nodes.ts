import { DrError } from '../../../errors/dr-error.ts';
import { kubeadmPreset } from '../../../etcd/presets/kubeadm.ts';
import type { Preset } from '../../../etcd/presets/preset.ts';
import type { PlanControlPlane } from '../../../model/plan/control-plane.ts';
import type { NodeRef, Nodes } from '../../../ports/nodes.ts';
import type { PlannedNode } from './gather-node.ts';

/** Machines of the plan, in its order; connects to none. Throws `INPUT_INVALID` for a distribution that cannot be looked at yet. */
export async function plannedNodes(controlPlane: PlanControlPlane, nodes: Nodes): Promise<readonly PlannedNode[]> {
  const preset = presetOf(controlPlane);
  return await Promise.all(controlPlane.nodes.map(async (node) => ({ name: node.name, preset, machine: await nodes.open(refOf(node, controlPlane)) })));
}

function refOf({ name, address, ssh }: PlanControlPlane['nodes'][number], { sshConfig }: PlanControlPlane): NodeRef {
  const identity = ssh?.identity;
  if (identity !== undefined && !('file' in identity))
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `the private key of node '${name}' is in the variable ${identity.env}, and ssh takes it from a file or from the agent`,
      suggestions: ['add it to the SSH agent and leave ssh.identity out'],
    });
  return { name, host: ssh?.host ?? address, port: ssh?.port, user: ssh?.user, identityFile: identity?.file, configFile: sshConfig };
}

function presetOf({ distribution }: PlanControlPlane): Preset {
  if (distribution === 'kubeadm' || distribution === 'lab') return kubeadmPreset();
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `a control plane of ${distribution} cannot be looked at by this tool`,
    suggestions: ['ask its members by hand: etcdctl endpoint status --cluster -w table'],
  });
}
