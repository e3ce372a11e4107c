import { isDeepStrictEqual } from 'node:util';
import { isDrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

export interface StatusWrite {
  readonly kube: KubeCluster;
  readonly fieldManager: string;
  readonly signal: AbortSignal;
}

/**
 * Merges fields into an object's status; sends nothing when they are there already, so that a controller does not wake itself. An object that is gone
 * by now is no failure. `null` removes a field.
 */
export async function writeStatus(object: KubeObject, status: JsonObject, write: StatusWrite): Promise<void> {
  const current = object.status ?? {};
  const differs = Object.entries(status).some(([key, value]) => !isDeepStrictEqual(current[key] ?? null, value ?? null));
  if (!differs) return;
  try {
    await write.kube.mergePatch(refOf(object), { status }, { fieldManager: write.fieldManager, signal: write.signal, subresource: 'status' });
  } catch (error) {
    if (!isDrError(error, 'KUBE_NOT_FOUND')) throw error;
  }
}

/** Phase of an object, '' when there is none yet. */
export function phaseOf(object: KubeObject | undefined): string {
  const phase = object?.status?.['phase'];
  return typeof phase === 'string' ? phase : '';
}

/** Whether the status speaks of the spec as it is now. */
export function isObserved(object: KubeObject): boolean {
  return object.status?.['observedGeneration'] === object.metadata.generation;
}
