import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import { orAborted } from '../../errors/or-aborted.ts';
import type { ResourceType } from '../../model/kube-object.ts';
import type { ServedResource } from '../../ports/kube-cluster.ts';
import { groupVersionPath } from './api-path.ts';
import type { KubeConnection } from './connection.ts';
import { readBody, refusal } from './kube-status.ts';

/** Tries of `require`, 100, 200, 400 and 800 ms apart, each wait shortened by up to half. */
const REQUIRE_TRIES = 5;

interface ApiResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean; readonly verbs: readonly string[] }[];
}

interface ApiGroup {
  readonly preferredVersion?: { readonly groupVersion: string };
  readonly versions?: readonly { readonly groupVersion: string }[];
}

/**
 * Types of one API server, asked for once per group-version however many callers wait, and again after a miss, because a CRD may have come since.
 */
export class Discovery {
  readonly #connection: KubeConnection;
  readonly #known = new Map<string, readonly ServedResource[]>();
  readonly #asking = new Map<string, Promise<readonly ServedResource[]>>();

  constructor(connection: KubeConnection) {
    this.#connection = connection;
  }

  async find(type: ResourceType, signal: AbortSignal): Promise<ServedResource | undefined> {
    const byKind = (types: readonly ServedResource[] | undefined) => types?.find((served) => served.kind === type.kind);
    return byKind(this.#known.get(type.apiVersion)) ?? byKind(await this.#ask(type.apiVersion, signal));
  }

  /**
   * The type, asked for again for about 1.5 s when it is missing: kube-apiserver 1.36 says that a CRD is established some 100 ms before discovery
   * shows it. Throws `KUBE_NOT_FOUND`.
   */
  async require(type: ResourceType, signal: AbortSignal): Promise<ServedResource> {
    for (let tries = 1; tries <= REQUIRE_TRIES; tries += 1) {
      const served = await this.find(type, signal);
      if (served !== undefined) return served;
      this.#connection.countRetry('not-yet-served');
      if (tries < REQUIRE_TRIES) await this.#connection.backOff(tries, signal);
    }
    throw new DrError({
      code: 'KUBE_NOT_FOUND',
      message: `${this.#connection.server} does not serve ${type.kind} of ${type.apiVersion}`,
      details: { status: 404, reason: 'TypeNotServed' },
      suggestions: ['install its CRD first, or wait until it is established'],
    });
  }

  /** All types of a group, those of the preferred version first; empty when the group is not served. */
  async ofGroup(group: string, signal: AbortSignal): Promise<readonly ServedResource[]> {
    const versions = group === '' ? ['v1'] : await this.#versionsOf(group, signal);
    const lists = await Promise.all(versions.map(async (version) => this.#ask(version, signal)));
    return lists.flat();
  }

  async #versionsOf(group: string, signal: AbortSignal): Promise<readonly string[]> {
    const answer = await this.#getJson<ApiGroup>(`/apis/${group}`, signal);
    const preferred = answer?.preferredVersion?.groupVersion;
    const all = (answer?.versions ?? []).map((version) => version.groupVersion);
    return preferred === undefined ? all : [preferred, ...all.filter((version) => version !== preferred)];
  }

  /** Asks for a group-version, or joins who is asking already. The shared request obeys nobody's signal; each caller leaves it by his own. */
  async #ask(apiVersion: string, signal: AbortSignal): Promise<readonly ServedResource[]> {
    const asked = this.#asking.get(apiVersion) ?? this.#fetch(apiVersion).finally(() => this.#asking.delete(apiVersion));
    this.#asking.set(apiVersion, asked);
    return await orAborted(asked, signal, () => abortError(signal, `discover ${apiVersion} on ${this.#connection.server}`, 'KUBE_UNAVAILABLE'));
  }

  async #fetch(apiVersion: string): Promise<readonly ServedResource[]> {
    const list = await this.#getJson<ApiResourceList>(groupVersionPath(apiVersion), this.#connection.closing);
    const resources = list?.resources ?? [];
    const withStatus = new Set(resources.filter((resource) => resource.name.endsWith('/status')).map((resource) => resource.name.slice(0, -'/status'.length)));
    const types = resources
      .filter((resource) => !resource.name.includes('/'))
      .map(({ name, kind, namespaced, verbs }) => ({ apiVersion, kind, plural: name, namespaced, verbs, hasStatus: withStatus.has(name) }));
    this.#known.set(apiVersion, types);
    return types;
  }

  /** The answer, or `undefined` for 404. */
  async #getJson<T>(path: string, signal: AbortSignal): Promise<T | undefined> {
    // A group that is not served answers 404 in plain text, which elsewhere means "not yet": here it is an answer.
    const reply = await this.#connection.send({ method: 'GET', path, repeatability: 'always', notFoundIsAnswer: true, signal });
    if (reply.status === 404) return undefined;
    const what = `discover ${path} on ${this.#connection.server}`;
    if (reply.status !== 200) throw refusal(reply, what);
    return readBody(reply, what) as T;
  }
}
