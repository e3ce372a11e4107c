import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { writeStatus } from '../../reconcile/status.ts';
import { type PlatformContext, timestamp } from '../context.ts';

/** Field manager of the cluster controller. */
export const CLUSTER_MANAGER = 'lattice-cluster-controller';
/** Deleting a cluster waits for its machines to be given back and deleted (F17). */
export const CLUSTER_FINALIZER = 'lattice.dev/unpivot';

/** A phase and what else changes with it. */
export type PhaseFields = JsonObject & { readonly phase: string };

export interface PhaseWrite {
  readonly context: PlatformContext;
  readonly signal: AbortSignal;
}

/** Moves a LatticeCluster to a phase; its one condition has the phase's name and since when. */
export async function writePhase(cluster: KubeObject, { phase, ...fields }: PhaseFields, { context, signal }: PhaseWrite): Promise<void> {
  const before = conditionsOf(cluster)[0];
  const message = typeof fields['message'] === 'string' ? fields['message'] : '';
  const isSame = before?.type === phase && before.message === message;
  const lastTransitionTime = isSame ? before.lastTransitionTime : timestamp(context.clock);
  const conditions = [{ type: phase, status: phase === 'Failed' ? 'False' : 'True', reason: phase, message, lastTransitionTime }];
  const status = { message: null, ...fields, phase, conditions, observedGeneration: cluster.metadata.generation };
  await writeStatus(cluster, status, { kube: context.kube, fieldManager: CLUSTER_MANAGER, signal });
}

/** Milliseconds since a cluster came to its phase. */
export function phaseAgeMs(cluster: KubeObject, now: number): number {
  const since = conditionsOf(cluster)[0]?.lastTransitionTime;
  return since === undefined ? 0 : now - Date.parse(since);
}

interface ClusterCondition {
  readonly type: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

function conditionsOf(cluster: KubeObject): readonly ClusterCondition[] {
  return (cluster.status?.['conditions'] ?? []) as unknown as readonly ClusterCondition[];
}
