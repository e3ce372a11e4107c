import { DrError } from '../errors/dr-error.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { kubeSystemOf } from './kube-system.ts';
import type { StepPorts } from './ports.ts';
import { type Target, targetRef } from './schemas.ts';

/** What opening the rebuilt cluster takes. */
export interface TargetContext {
  readonly ports: Pick<StepPorts, 'clusters'>;
  readonly signal: AbortSignal;
  readonly with: { readonly target: Target };
}

/**
 * Opens the rebuilt cluster for a step that works on it, and asks it who it is: between two processes of a run somebody may have put another kubeconfig in
 * its place. Throws `TARGET_CHANGED` for a cluster with another `kube-system` than the one that `cluster/provision` proved.
 */
export async function openTarget(ctx: TargetContext): Promise<KubeCluster> {
  const { target } = ctx.with;
  const cluster = await ctx.ports.clusters.open(targetRef(target));
  if (target.clusterUid === undefined) return cluster;
  const uid = (await kubeSystemOf(cluster, ctx.signal))?.metadata.uid;
  if (uid === target.clusterUid) return cluster;
  throw new DrError({
    code: 'TARGET_CHANGED',
    message: `${target.kubeconfig} leads to another cluster than this run provisioned: ${cluster.server} has kube-system ${uid ?? 'none'}, not ${target.clusterUid}`,
    details: { server: cluster.server, uid: uid ?? null, expected: target.clusterUid },
    suggestions: [`put the kubeconfig of the rebuilt cluster back at ${target.kubeconfig}, then go on`],
  });
}
