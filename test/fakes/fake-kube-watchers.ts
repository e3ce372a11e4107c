import { LiveCache } from '../../src/adapters/kube/live-cache.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import { type KubeObject, refKey, refOf } from '../../src/model/kube-object.ts';
import type { LiveScope, LiveSet, ServedResource } from '../../src/ports/kube-cluster.ts';
import { matchesScope } from './fake-kube-selectors.ts';

interface Watcher {
  readonly type: ServedResource;
  readonly scope: LiveScope;
  readonly cache: LiveCache;
}

/** The live sets of a fake cluster: each change reaches them at once and in order. */
export class FakeWatchers {
  readonly #watchers = new Set<Watcher>();

  get size(): number {
    return this.#watchers.size;
  }

  open(type: ServedResource, { scope, objects }: { readonly scope: LiveScope; readonly objects: readonly KubeObject[] }): LiveSet {
    const watcher: Watcher = { type, scope, cache: new LiveCache() };
    const { cache } = watcher;
    cache.replace(objects);
    this.#watchers.add(watcher);
    return {
      objects: cache.objects,
      until: async (predicate, signal) => cache.until(predicate, signal),
      [Symbol.asyncDispose]: async () => {
        this.#watchers.delete(watcher);
        cache.fail(cancelled());
      },
    };
  }

  /** An object that leaves a scope is deleted for those who watch it. */
  tell(served: ServedResource, { type, object }: { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }): void {
    for (const watcher of this.#watchers) {
      if (watcher.type.plural !== served.plural) continue;
      const known = watcher.cache.objects.has(refKey(refOf(object)));
      if (matchesScope(object, watcher.scope)) watcher.cache.take([{ type, object }]);
      else if (known) watcher.cache.take([{ type: 'DELETED', object }]);
    }
  }

  close(): void {
    for (const { cache } of this.#watchers) cache.fail(cancelled());
    this.#watchers.clear();
  }
}

function cancelled(): DrError {
  return new DrError({ code: 'CANCELLED', message: 'the live set is no longer used' });
}
