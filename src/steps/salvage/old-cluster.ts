import type { StepContext } from '../../engine/step.ts';
import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import type { ClusterRef, KubeCluster } from '../../ports/kube-cluster.ts';
import { kubeconfigIn } from '../cluster/child.ts';
import { handedDownBy } from '../handed-down.ts';
import { openParent } from '../parent.ts';
import { capiKubeconfigRef, capiNamespace, directKubeconfigRef, latticeClusterRef, RUN_ANNOTATION } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { reach } from '../reach.ts';
import { clusterRef } from '../schemas.ts';
import { type ObjectsRead, readObjects } from './read-objects.ts';
import type { SalvageWith } from './schema.ts';

export type SalvageCtx = StepContext<SalvageWith, StepPorts>;

/** What the parent knows of the old cluster. */
export interface ParentView extends Partial<ObjectsRead> {
  /** The LatticeCluster, unless a run has replaced it. */
  readonly cluster?: KubeObject;
  /** Secrets that hold the old cluster's kubeconfig. */
  readonly kubeconfigs: readonly KubeObject[];
  /** What it hands down to its children, by `refKey`: that does not get lost with one of them. */
  readonly handedDown: readonly string[];
  readonly findings: readonly string[];
}

/** Nothing is known of a parent. */
export const NO_PARENT: ParentView = { kubeconfigs: [], handedDown: [], findings: [] };

/** Reads what the parent holds of the old cluster. Once it has been retired, the parent speaks of another one, and nothing is taken from there. */
export async function readParent(ctx: SalvageCtx): Promise<ParentView> {
  if (ctx.with.cluster.parent === undefined) return NO_PARENT;
  try {
    const parent = await openParent(ctx);
    const cluster = await parent.get(latticeClusterRef(ctx.run.cluster), ctx.signal);
    if (cluster === undefined) return { ...NO_PARENT, findings: ['the parent has no LatticeCluster of this name any more'] };
    if (cluster.metadata.annotations?.[RUN_ANNOTATION] === ctx.run.id)
      return { ...NO_PARENT, findings: ['too late: the LatticeCluster on the parent is already the new one'] };
    const [objects, kubeconfigs, given] = await Promise.all([
      readObjects(parent, { namespace: capiNamespace(ctx.run.cluster), signal: ctx.signal }),
      kubeconfigSecrets(parent, ctx),
      handedDownBy(parent, ctx.signal),
    ]);
    return { ...objects, specs: [], cluster, kubeconfigs, handedDown: given.keys, findings: [...objects.findings, ...given.findings] };
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error) || error.code === 'BUG') throw error;
    return { ...NO_PARENT, findings: [`the parent: ${error.message}`] };
  }
}

/** The direct kubeconfig before the Cluster API one, whose server is rewritten to a proxy in the parent. */
async function kubeconfigSecrets(parent: KubeCluster, ctx: SalvageCtx): Promise<readonly KubeObject[]> {
  const refs: readonly ObjectRef[] = [directKubeconfigRef(ctx.run.cluster), capiKubeconfigRef(ctx.run.cluster)];
  const found = await Promise.all(refs.map(async (ref) => await parent.get(ref, ctx.signal)));
  return found.filter((secret) => secret !== undefined);
}

/** What the old cluster itself still gives. */
export interface OldView extends ObjectsRead {
  readonly server?: string;
}

const NOTHING = { specs: [], capi: [], secrets: [] } as const;

/** Reads the old cluster, if it answers: by the plan's own kubeconfig, else by the one that the parent keeps. */
export async function readOld(parent: ParentView, ctx: SalvageCtx): Promise<OldView> {
  const ref = refOfOld(parent, ctx);
  if (ref === undefined) return { ...NOTHING, findings: ['there is no kubeconfig of the old cluster: name one in spec.salvage.kubeconfig'] };
  ctx.progress({ message: 'asking the old cluster' });
  const reached = await reach(ref, ctx, ctx.with.salvage?.connectTimeout);
  if (reached.cluster === undefined) return { ...NOTHING, findings: [`the old cluster gives nothing: ${reached.unreachable}`] };
  ctx.progress({ message: 'the old cluster answers: reading its specs, secrets and Cluster API objects' });
  return { ...(await readObjects(reached.cluster, { signal: ctx.signal })), server: reached.cluster.server };
}

function refOfOld({ kubeconfigs }: ParentView, ctx: SalvageCtx): ClusterRef | undefined {
  const own = ctx.with.salvage?.kubeconfig;
  if (own !== undefined) return clusterRef(own);
  const kubeconfig = kubeconfigs.map(kubeconfigIn).find((candidate) => candidate !== undefined);
  return kubeconfig === undefined ? undefined : { kubeconfig };
}
