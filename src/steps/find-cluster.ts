import type { ReadContext } from '../engine/step.ts';
import { isDrError } from '../errors/dr-error.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { PlanCluster } from '../model/plan/cluster.ts';
import type { ClusterRef, KubeCluster } from '../ports/kube-cluster.ts';
import { kubeconfigIn } from './cluster/child.ts';
import { capiKubeconfigRef, directKubeconfigRef, latticeClusterRef } from './platform-names.ts';
import type { StepPorts } from './ports.ts';
import { type Reached, reach } from './reach.ts';
import { clusterRef } from './schemas.ts';

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'clock' | 'signal'>;

/** A parent that was asked about a cluster. */
export interface ParentAnswer {
  readonly parent?: KubeCluster;
  readonly object?: KubeObject;
  /** Why it could not be asked. */
  readonly finding?: string;
}

/** Asks the plan's parent for the LatticeCluster. A parent that does not answer is a finding. */
export async function askParent(cluster: PlanCluster, ctx: Ctx): Promise<ParentAnswer> {
  if (cluster.parent === undefined) return { finding: 'the plan names no parent' };
  const reached = await reach(clusterRef(cluster.parent.kubeconfig), ctx);
  if (reached.cluster === undefined) return { finding: `the parent does not answer: ${reached.unreachable}` };
  try {
    const object = await reached.cluster.get(latticeClusterRef(cluster.name), ctx.signal);
    return { parent: reached.cluster, ...(object === undefined ? { finding: `the parent has no LatticeCluster '${cluster.name}'` } : { object }) };
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error)) throw error;
    return { parent: reached.cluster, finding: `the parent: ${error.message}` };
  }
}

/**
 * Opens the plan's cluster by the first way that answers: the kubeconfig that is given, the one the parent keeps, the file that the last rebuild wrote. The
 * parent goes first because the file may be of an instance that is no more; `filesToo` false leaves files out, which a running recovery may have written.
 */
export async function findCluster(
  plan: PlanCluster,
  options: { readonly parent: KubeCluster | undefined; readonly given?: ClusterRef; readonly filesToo?: boolean },
  ctx: Ctx,
): Promise<Reached> {
  if (options.given !== undefined) return await reach(options.given, ctx);
  const ways = [...(await kubeconfigsOnParent(plan.name, options.parent, ctx)), ...(options.filesToo === false ? [] : fileRefs(plan))];
  const silent: string[] = [];
  for (const way of ways) {
    const reached = await reach(way, ctx);
    if (reached.cluster !== undefined) return reached;
    silent.push(reached.unreachable);
  }
  return { unreachable: silent.length === 0 ? 'there is no kubeconfig of it' : [...new Set(silent)].join('; ') };
}

async function kubeconfigsOnParent(name: string, parent: KubeCluster | undefined, ctx: Ctx): Promise<readonly ClusterRef[]> {
  if (parent === undefined) return [];
  try {
    const secrets = await Promise.all([directKubeconfigRef(name), capiKubeconfigRef(name)].map(async (ref) => await parent.get(ref, ctx.signal)));
    return secrets.flatMap((secret) => kubeconfigIn(secret) ?? []).map((kubeconfig) => ({ kubeconfig }));
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error)) throw error;
    return [];
  }
}

function fileRefs({ existing, kubeconfigOut }: PlanCluster): readonly ClusterRef[] {
  return [...(existing === undefined ? [] : [clusterRef(existing.kubeconfig)]), { kubeconfigPath: kubeconfigOut }];
}
