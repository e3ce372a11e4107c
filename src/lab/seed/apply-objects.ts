import { setTimeout as sleep } from 'node:timers/promises';
import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

/** Field manager of people who apply by hand. */
const MANAGER = 'kubectl';

/** The order in which a person would apply a platform by hand; every other kind comes between. */
const FIRST = ['Namespace', 'Secret', 'SecretProvider', 'InfraProvider', 'ImageProvider', 'CedarPolicy'];
const LAST = ['LatticeClusterBackup', 'DNSProvider'];

function rank(object: KubeObject): number {
  const first = FIRST.indexOf(object.kind);
  if (first >= 0) return first - FIRST.length;
  return LAST.indexOf(object.kind) + 1;
}

/** Tries again while the webhook or a namespace is not there yet: `createCluster` gives a server, the operator comes up after it. */
async function applyOne(cluster: KubeCluster, object: KubeObject, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await cluster.apply(object, { fieldManager: MANAGER, force: true, signal });
      return;
    } catch (error) {
      if (attempt === 60 || !isDrError(error, 'KUBE_NOT_FOUND', 'KUBE_UNAVAILABLE')) throw error;
      await sleep(500, undefined, { signal });
    }
  }
}

/** Applies objects the way a team that has no tool does: kind by kind, each once, again while the platform is not ready for it. */
export async function applyObjects(cluster: KubeCluster, objects: readonly KubeObject[], signal: AbortSignal): Promise<void> {
  for (const object of [...objects].sort((a, b) => rank(a) - rank(b))) await applyOne(cluster, object, signal);
}
