import type { ReadContext } from '../engine/step.ts';
import { DrError } from '../errors/dr-error.ts';
import type { PlanCluster } from '../model/plan/cluster.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { StepPorts } from './ports.ts';
import { clusterRef } from './schemas.ts';

/** Opens the parent that the plan names. Throws `INPUT_INVALID` when it names none, which only a runbook for another provisioner can cause. */
export async function openParent(ctx: Pick<ReadContext<{ readonly cluster: PlanCluster }, StepPorts>, 'with' | 'ports'>): Promise<KubeCluster> {
  const { parent, name } = ctx.with.cluster;
  if (parent === undefined) {
    throw new DrError({
      code: 'INPUT_INVALID',
      message: `the plan of '${name}' names no parent`,
      suggestions: ['set spec.cluster.parent.kubeconfig, or exclude this step by if:'],
    });
  }
  return ctx.ports.clusters.open(clusterRef(parent.kubeconfig));
}
