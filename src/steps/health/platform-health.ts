import { type KubeObject, type ResourceType, refKey, refOf } from '../../model/kube-object.ts';
import type { KubeCluster, LiveSet } from '../../ports/kube-cluster.ts';
import type { ToApply } from '../../specs/classify.ts';
import { typesOf } from '../../specs/manifest.ts';
import type { Profile } from '../../specs/profile.ts';
import { readinessOf } from '../../specs/readiness.ts';
import type { Readiness } from '../../specs/readiness-state.ts';
import { serviceHealth } from '../../specs/service-health.ts';

const DEPLOYMENT: ResourceType = { apiVersion: 'apps/v1', kind: 'Deployment' };
const STATEFUL_SET: ResourceType = { apiVersion: 'apps/v1', kind: 'StatefulSet' };
const ENDPOINT_SLICE: ResourceType = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' };

/** An object that does not do what it is for. */
export interface Unhealthy {
  readonly key: string;
  readonly readiness: Exclude<Readiness, { readonly state: 'ready' }>;
}

/** Watches everything that tells whether the applied objects work: their own types, and what runs behind services. */
export class PlatformHealth implements AsyncDisposable {
  readonly #items: readonly ToApply[];
  readonly #profile: Profile;
  readonly #sets: ReadonlyMap<string, LiveSet>;

  private constructor(items: readonly ToApply[], profile: Profile, sets: ReadonlyMap<string, LiveSet>) {
    this.#items = items;
    this.#profile = profile;
    this.#sets = sets;
  }

  /** Opens one list+watch per type. */
  static async open(cluster: KubeCluster, items: readonly ToApply[], profile: Profile): Promise<PlatformHealth> {
    const types = [...typesOf(items.map(({ object }) => object)), DEPLOYMENT, STATEFUL_SET, ENDPOINT_SLICE];
    const unique = new Map(types.map((type) => [typeKey(type), type]));
    const sets = await Promise.all([...unique].map(async ([key, type]) => [key, await cluster.live(type)] as const));
    return new PlatformHealth(items, profile, new Map(sets));
  }

  /** What is not healthy now; empty when everything is. */
  unhealthy(): readonly Unhealthy[] {
    const workloads = [...this.#objects(DEPLOYMENT), ...this.#objects(STATEFUL_SET)];
    const endpointSlices = this.#objects(ENDPOINT_SLICE);
    const parts = { workloads, endpointSlices };
    return this.#items.flatMap(({ key, object }): readonly Unhealthy[] => {
      const live = this.#sets.get(typeKey(object))?.objects.get(refKey(refOf(object)));
      const readiness = object.kind === 'LatticeService' ? serviceHealth(live, parts, this.#profile) : readinessOf(live, this.#profile);
      return readiness.state === 'ready' ? [] : [{ key, readiness }];
    });
  }

  /** Resolves when something changed in any of the types. */
  async changed(signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    const once = [...this.#sets.values()].map((set) => {
      let first = true;
      return set.until(() => {
        if (!first) return true;
        first = false;
        return undefined;
      }, either);
    });
    try {
      await Promise.race(once);
    } finally {
      done.abort();
      await Promise.allSettled(once);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#sets.values()].map((set) => set[Symbol.asyncDispose]()));
  }

  #objects(type: ResourceType): readonly KubeObject[] {
    return [...(this.#sets.get(typeKey(type))?.objects.values() ?? [])];
  }
}

function typeKey({ apiVersion, kind }: ResourceType): string {
  return `${apiVersion} ${kind}`;
}
