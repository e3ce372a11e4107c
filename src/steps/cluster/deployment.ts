import type { KubeObject } from '../../model/kube-object.ts';

/**
 * Gives `true` when the named Deployment has rolled out what its spec says: observed, all replicas updated and available, none of an older template
 * left (the rule of `kubectl rollout status`).
 */
export function deploymentAvailable(objects: ReadonlyMap<string, KubeObject>, name: string): true | undefined {
  const object = [...objects.values()].find((candidate) => candidate.metadata.name === name);
  if (object === undefined) return undefined;
  const wanted = Number(object.spec?.['replicas'] ?? 1);
  const status = (object.status ?? {}) as { observedGeneration?: number; replicas?: number; updatedReplicas?: number; availableReplicas?: number };
  const seen = (status.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
  const rolledOut = (status.updatedReplicas ?? 0) >= wanted && (status.replicas ?? 0) <= wanted && (status.availableReplicas ?? 0) >= wanted;
  return seen && wanted > 0 && rolledOut ? true : undefined;
}
