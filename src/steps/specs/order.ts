import type { ReadContext } from '../../engine/step.ts';
import { groupOf, type ObjectRef, refKey } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type ApplyGraph, applyGraph } from '../../specs/dependencies.ts';
import type { ReferenceTarget } from '../../specs/references.ts';
import type { UnresolvedReference } from '../../specs/resolve-references.ts';
import type { DesiredState } from '../desired-state.ts';

type Ctx = Pick<ReadContext<unknown, unknown>, 'signal'>;

/** What the order is, and what it could not find. */
export interface Order {
  readonly graph: ApplyGraph;
  /** References to things that neither git nor the cluster has: reported, because what refers to them will not become ready. */
  readonly dangling: readonly UnresolvedReference[];
}

async function exists(cluster: KubeCluster, target: ReferenceTarget, signal: AbortSignal): Promise<ObjectRef | undefined> {
  const type = (await cluster.resourcesOf(target.group, signal)).find(
    (resource) => resource.kind === target.kind && groupOf(resource.apiVersion) === target.group,
  );
  if (type === undefined) return undefined;
  const ref = { apiVersion: type.apiVersion, kind: type.kind, name: target.name, ...(target.namespace === undefined ? {} : { namespace: target.namespace }) };
  if (target.name === '*')
    return ((await cluster.list(type, { signal, ...(target.namespace === undefined ? {} : { namespace: target.namespace }) })) ?? []).length > 0
      ? ref
      : undefined;
  return (await cluster.get(ref, signal)) === undefined ? undefined : ref;
}

async function isOnCluster(cluster: KubeCluster, reference: UnresolvedReference, signal: AbortSignal): Promise<boolean> {
  for (const target of reference.targets) if ((await exists(cluster, target, signal)) !== undefined) return true;
  return false;
}

/**
 * Computes the order of application; what git does not hold is looked for on the cluster (restored secrets and volumes, built-in objects). Without a
 * cluster (a dry run before there is one) every reference out of the set is listed as dangling.
 */
export async function orderOf(desired: DesiredState, cluster: KubeCluster | undefined, ctx: Ctx): Promise<Order> {
  const { apply, held, skipped } = desired.classification;
  const graph = applyGraph({ apply, held, skipped, profile: desired.profile });
  const required = graph.unresolved.filter((reference) => reference.need === 'required');
  if (cluster === undefined) return { graph, dangling: required };
  const answers = new Map<string, boolean>();
  const dangling: UnresolvedReference[] = [];
  for (const reference of required) {
    const key = JSON.stringify(reference.targets);
    const found = answers.get(key) ?? (await isOnCluster(cluster, reference, ctx.signal));
    answers.set(key, found);
    if (!found) dangling.push(reference);
  }
  return { graph, dangling };
}

/** `LatticeService shop/cart needs Secret lattice-secrets/db (spec.…): reason`. */
export function describeDangling(reference: UnresolvedReference): string {
  const targets = reference.targets
    .map((target) =>
      refKey({
        apiVersion: `${target.group}/`,
        kind: target.kind,
        name: target.name,
        ...(target.namespace === undefined ? {} : { namespace: target.namespace }),
      }),
    )
    .join(' or ');
  return `${reference.from} needs ${targets} (${reference.field}): ${reference.reason}${reference.skipped === undefined ? '' : `; not restored: ${reference.skipped}`}`;
}
