import type { KubeObject } from '../../model/kube-object.ts';
import type { LiveSet } from '../../ports/kube-cluster.ts';

/**
 * Yields what has changed in a live set since the last turn, everything at the first turn: objects that are new or have another resourceVersion, and
 * the last seen form of those that are gone. Several changes of one object between two turns are one. Ends when the signal aborts.
 */
export async function* changesOf(set: LiveSet, signal: AbortSignal): AsyncGenerator<readonly KubeObject[]> {
  const seen = new Map<string, KubeObject>();
  while (!signal.aborted) {
    // A set may ask once more between the answer and our turn; what is taken then would be lost.
    let taken = false;
    const takeOnce = (objects: ReadonlyMap<string, KubeObject>): readonly KubeObject[] | undefined => {
      if (taken) return undefined;
      const changed = takeChanges(seen, objects);
      taken = changed !== undefined;
      return changed;
    };
    try {
      yield await set.until(takeOnce, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
  }
}

/** Brings `seen` up to date and returns what differed, `undefined` when nothing did. In the predicate itself, so that no change falls between two turns. */
function takeChanges(seen: Map<string, KubeObject>, now: ReadonlyMap<string, KubeObject>): readonly KubeObject[] | undefined {
  const changed: KubeObject[] = [];
  for (const [key, object] of now) {
    if (seen.get(key)?.metadata.resourceVersion === object.metadata.resourceVersion) continue;
    changed.push(object);
    seen.set(key, object);
  }
  if (seen.size === now.size) return changed.length === 0 ? undefined : changed;
  for (const [key, object] of seen) {
    if (now.has(key)) continue;
    changed.push(object);
    seen.delete(key);
  }
  return changed;
}
