import { isDrError } from '../errors/dr-error.ts';
import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';

export interface ListScope {
  /** Only this namespace, and no cluster-scoped types; all without it. */
  readonly namespace?: string;
  readonly signal: AbortSignal;
}

/** Reads lists of a cluster, each for itself: one that cannot be had is a finding, and the others are kept. */
export class ObjectLister {
  /** What could not be read, and why. */
  readonly findings: string[] = [];
  readonly #cluster: KubeCluster;
  readonly #scope: ListScope;

  constructor(cluster: KubeCluster, scope: ListScope) {
    this.#cluster = cluster;
    this.#scope = scope;
  }

  /** All objects of a group's types. */
  async group(group: string): Promise<readonly KubeObject[]> {
    const types = await this.#try(`the types of ${group}`, async () => await this.#cluster.resourcesOf(group, this.#scope.signal));
    const listable = (types ?? []).filter(({ verbs, namespaced }) => verbs.includes('list') && (namespaced || this.#scope.namespace === undefined));
    // Versions of one kind show the same objects; the preferred one comes first.
    const kinds = new Map([...listable].reverse().map((type) => [type.kind, type]));
    const lists = await Promise.all([...kinds.values()].map(async (type) => await this.type(type)));
    return lists.flat();
  }

  /** All objects of a type; none when it is not served. */
  async type({ apiVersion, kind }: ResourceType): Promise<readonly KubeObject[]> {
    return (await this.#try(kind, async () => await this.#cluster.list({ apiVersion, kind }, this.#scope))) ?? [];
  }

  async #try<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isDrError(error) || error.code === 'BUG') throw error;
      this.findings.push(`${what} of ${this.#cluster.server}: ${error.message}`);
      return undefined;
    }
  }
}
