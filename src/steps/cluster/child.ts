import type { ReadContext } from '../../engine/step.ts';
import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { Secret } from '../../model/secret.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { kubeSystemOf } from '../kube-system.ts';
import { CAPI_CLUSTER, CAPI_CLUSTER_V1BETA2, capiKubeconfigRef, capiNamespace, directKubeconfigRef } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';

/** A rebuilt cluster that answers. */
export interface Child {
  readonly cluster: KubeCluster;
  readonly kubeconfig: Secret;
  /** UID of its `kube-system` namespace: the customary identity of a cluster. */
  readonly uid: string;
  readonly version: string;
}

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'signal'>;

/** Keys under which a kubeconfig is kept: `value` by Cluster API (util/kubeconfig), `kubeconfig` in the platform's direct copy. */
const KUBECONFIG_KEYS = ['value', 'kubeconfig'] as const;

/** The kubeconfig in a Secret of the parent; `undefined` when there is none. */
export function kubeconfigIn(secret: KubeObject | undefined): Secret | undefined {
  const data = (secret?.['data'] ?? {}) as Record<string, string>;
  const value = KUBECONFIG_KEYS.map((key) => data[key]).find((candidate) => candidate !== undefined);
  return value === undefined ? undefined : new Secret(Buffer.from(value, 'base64').toString('utf8'));
}

/**
 * Opens the child by a kubeconfig that does not depend on its parent: the direct copy first, then the CAPI one (whose server the platform later rewrites
 * to a proxy in the parent, which dies with it). `undefined` when there is none yet or its API server does not answer.
 */
export async function openChild(parent: KubeCluster, name: string, ctx: Ctx): Promise<Child | undefined> {
  const [direct, capi] = await Promise.all([parent.get(directKubeconfigRef(name), ctx.signal), parent.get(capiKubeconfigRef(name), ctx.signal)]);
  const kubeconfig = kubeconfigIn(direct) ?? kubeconfigIn(capi);
  if (kubeconfig === undefined) return undefined;
  try {
    const cluster = await ctx.ports.clusters.open({ kubeconfig });
    const version = await cluster.version(ctx.signal);
    const kubeSystem = await kubeSystemOf(cluster, ctx.signal);
    const uid = kubeSystem?.metadata.uid;
    return uid === undefined ? undefined : { cluster, kubeconfig, uid, version };
  } catch (error) {
    if (isDrError(error, 'KUBE_UNAVAILABLE')) return undefined;
    throw error;
  }
}

/** What the child itself says about owning its machines. */
export async function childFacts(child: Child, name: string, ctx: Ctx): Promise<{ readonly capiClusterOnChild: boolean; readonly clusterUid: string }> {
  const namespace = capiNamespace(name);
  const lists = await Promise.all([CAPI_CLUSTER_V1BETA2, CAPI_CLUSTER].map((type) => child.cluster.list(type, { namespace, signal: ctx.signal })));
  return { capiClusterOnChild: lists.some((list) => list?.some((object) => object.metadata.name === name)), clusterUid: child.uid };
}

/** Keeps the kubeconfig where the operator can use it, even when the parent is lost later. Gives the file's absolute path. */
export async function saveKubeconfig(child: Child, path: string, ports: StepPorts): Promise<string> {
  return ports.secretFiles.write(path, child.kubeconfig);
}
