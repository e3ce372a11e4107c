import { DrError, isDrError } from '../../../errors/dr-error.ts';
import type { ClusterRef, KubeCluster } from '../../../ports/kube-cluster.ts';
import { kubeSystemOf } from '../../kube-system.ts';
import { clusterRef, type Target } from '../../schemas.ts';
import type { ProvisionCtx, Provisioner, ProvisionOutputs } from './provisioner.ts';

/** The cluster as later steps open it: they do not know the plan, so the context goes with the file. */
function targetOf(ref: ClusterRef): Target {
  if ('kubeconfigPath' in ref) return { kubeconfig: ref.kubeconfigPath, ...(ref.context === undefined ? {} : { context: ref.context }) };
  throw new DrError({
    code: 'INPUT_INVALID',
    message: 'cluster.existing.kubeconfig must name a file',
    suggestions: ['write existing: { kubeconfig: { file: PATH } }'],
  });
}

/** What a cluster says of itself; `undefined` while it does not answer. */
export async function identityOf(cluster: KubeCluster, target: Target, signal: AbortSignal): Promise<ProvisionOutputs | undefined> {
  try {
    const version = await cluster.version(signal);
    const kubeSystem = await kubeSystemOf(cluster, signal);
    const uid = kubeSystem?.metadata.uid;
    return uid === undefined ? undefined : { ...target, server: cluster.server, clusterUid: uid, version };
  } catch (error) {
    if (isDrError(error, 'KUBE_UNAVAILABLE')) return undefined;
    throw error;
  }
}

function existingRef(ctx: ProvisionCtx): ClusterRef {
  const { existing } = ctx.with.cluster;
  if (existing === undefined) throw new DrError({ code: 'INPUT_INVALID', message: 'provisioner existing needs cluster.existing.kubeconfig' });
  return clusterRef(existing.kubeconfig);
}

/** Uses a cluster somebody else made; only proves that it answers. */
export const existingProvisioner: Provisioner = {
  async observe(ctx) {
    const ref = existingRef(ctx);
    const identity = await identityOf(await ctx.ports.clusters.open(ref), targetOf(ref), ctx.signal);
    return identity === undefined
      ? { state: 'absent', evidence: { note: 'the cluster does not answer' } }
      : { state: 'present', outputs: identity, evidence: { server: identity.server } };
  },
  async plan(ctx) {
    const { kubeconfig, context } = targetOf(existingRef(ctx));
    return [{ verb: 'run', subject: `rebuild into the cluster of ${kubeconfig}${context === undefined ? '' : `, context ${context}`}` }];
  },
  async execute(ctx) {
    const cluster = await ctx.ports.clusters.open(existingRef(ctx));
    await cluster.version(ctx.signal);
  },
};
