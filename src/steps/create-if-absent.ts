import { isDrError } from '../errors/dr-error.ts';
import type { KubeObject } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { FIELD_MANAGER } from './platform-names.ts';

/** Creates an object. One of that name that is there already stays as it is: an earlier try may have made it, and whoever needs to know whose it is looks. */
export async function createIfAbsent(cluster: KubeCluster, object: KubeObject, signal: AbortSignal): Promise<void> {
  try {
    await cluster.create(object, { fieldManager: FIELD_MANAGER, signal });
  } catch (error) {
    if (!isDrError(error, 'KUBE_CONFLICT')) throw error;
  }
}
