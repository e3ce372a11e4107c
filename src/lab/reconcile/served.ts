import type { ResourceType } from '../../model/kube-object.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

const POLL_MS = 200;

/** Waits until the API server serves all these types; false when the signal aborted first. */
export async function untilServed(
  types: readonly ResourceType[],
  kube: KubeCluster,
  options: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<boolean> {
  const { clock, signal } = options;
  const missing = new Set(types);
  while (!signal.aborted) {
    for (const type of missing) {
      const served = await kube.resource(type, signal).catch(() => undefined);
      // Each miss is a request: those that come after wait for the first.
      if (served === undefined) break;
      missing.delete(type);
    }
    if (missing.size === 0) return true;
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
  return false;
}
