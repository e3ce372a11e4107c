import type { KubeObject, ObjectRef, ResourceType } from '../../model/kube-object.ts';
import { refKey } from '../../model/kube-object.ts';
import type { KubeCluster, LiveSet } from '../../ports/kube-cluster.ts';

/**
 * The last seen objects of the types that a stand-in watches, one list+watch per type. Reading is synchronous, as from an informer's cache, and may be
 * behind the server by the time of one event.
 */
export class Caches implements AsyncDisposable {
  readonly #kube: KubeCluster;
  readonly #sets = new Map<string, Promise<LiveSet>>();
  readonly #open = new Map<string, LiveSet>();

  constructor(kube: KubeCluster) {
    this.#kube = kube;
  }

  /** Starts watching a type, once. */
  async watch(type: ResourceType): Promise<LiveSet> {
    const key = keyOf(type);
    const pending = this.#sets.get(key) ?? this.#kube.live(type);
    this.#sets.set(key, pending);
    // A type that is not served yet may be the next time.
    pending.catch(() => this.#sets.delete(key));
    const set = await pending;
    this.#open.set(key, set);
    return set;
  }

  /** The object as last seen; the type must be watched already. */
  get(ref: ObjectRef): KubeObject | undefined {
    return this.#set(ref).objects.get(refKey(ref));
  }

  /** All objects of a type, in one namespace if it is given. */
  list(type: ResourceType, namespace?: string): readonly KubeObject[] {
    const all = [...this.#set(type).objects.values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sets = await Promise.allSettled(this.#sets.values());
    for (const set of sets) if (set.status === 'fulfilled') await set.value[Symbol.asyncDispose]();
    this.#sets.clear();
    this.#open.clear();
  }

  #set(type: ResourceType): LiveSet {
    const set = this.#open.get(keyOf(type));
    if (set === undefined) throw new TypeError(`${type.kind} (${type.apiVersion}) is read from the cache but not watched`);
    return set;
  }
}

function keyOf(type: ResourceType): string {
  return `${type.apiVersion} ${type.kind}`;
}
