import type { JsonObject } from '../model/json.ts';
import type { KubeObject, ObjectRef, ResourceType } from '../model/kube-object.ts';
import type { Secret } from '../model/secret.ts';

/** How to reach a cluster. `kubeconfig` holds credentials and is never journalled; `path` and `env` name a file. */
export type ClusterRef =
  | { readonly kubeconfigPath: string; readonly context?: string }
  | { readonly kubeconfigEnv: string; readonly context?: string }
  | { readonly kubeconfig: Secret; readonly context?: string };

/** Opens clusters by reference, memoised per run. */
export interface Clusters extends AsyncDisposable {
  /** Reads the kubeconfig and makes a connection pool; no request yet. Throws `KUBECONFIG_INVALID`. */
  open(ref: ClusterRef, patience?: Patience): Promise<KubeCluster>;
}

/** How long to wait for a server that may be dead; without it, as for one that is expected to answer. */
export interface Patience {
  /** Longest wait for one connection, its TLS included, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Longest time of one request with all its tries; 0 gives up at the first failure. In milliseconds. */
  readonly requestDeadlineMs: number;
}

/**
 * One API server. Every method retries 429 and 503 as Retry-After says (with jitter, at most `requestDeadlineMs` in all) and connection failures of
 * idempotent requests; then throws `KUBE_UNAVAILABLE`. Other refusals: `KUBE_REFUSED`, `KUBE_CONFLICT`, `KUBE_NOT_FOUND`, `KUBE_UNAUTHORIZED`, with the
 * server's own message and `details.status`, `details.reason`.
 */
export interface KubeCluster extends AsyncDisposable {
  /** URL of the API server. */
  readonly server: string;
  /** GET /version `gitVersion`; also the cheapest proof of life. */
  version(signal: AbortSignal): Promise<string>;
  /** The type as the server serves it, or `undefined` when discovery does not know it. Discovery is done once per group-version and again after a miss. */
  resource(type: ResourceType, signal: AbortSignal): Promise<ServedResource | undefined>;
  /** All served types of a group (`''` is core), preferred version first. */
  resourcesOf(group: string, signal: AbortSignal): Promise<readonly ServedResource[]>;
  get(ref: ObjectRef, signal: AbortSignal): Promise<KubeObject | undefined>;
  /** Lists all objects of a type, chunked; an absent type gives `undefined`. */
  list(type: ResourceType, options: ListOptions): Promise<readonly KubeObject[] | undefined>;
  /** POST. 409 AlreadyExists is `KUBE_CONFLICT` with `details.reason` `AlreadyExists`. */
  create(object: KubeObject, options: WriteOptions): Promise<KubeObject>;
  /** Server-side apply. */
  apply(object: KubeObject, options: ApplyOptions): Promise<AppliedObject>;
  /** The whole object as a server-side apply would leave it (`dryRun=All`): what a plan compares with the live object. Nothing is written. */
  preview(object: KubeObject, options: ApplyOptions): Promise<KubeObject>;
  /** JSON merge patch, optionally of the status subresource. `resourceVersion` or `uid` in the patch's metadata is a precondition. */
  mergePatch(ref: ObjectRef, patch: JsonObject, options: WriteOptions & { readonly subresource?: 'status' | 'scale' }): Promise<KubeObject>;
  /** DELETE with preconditions. `false` when it is already gone. */
  delete(ref: ObjectRef, options: DeleteOptions): Promise<boolean>;
  /** One shared list+watch of a type, reference-counted: dispose to let it go. */
  live(type: ResourceType, scope?: LiveScope): Promise<LiveSet>;
  /** Raw GET of an API path (`/healthz`, an aggregated API): status and body, never throws for a status. */
  raw(path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: string }>;
  /** Requests retried so far and why, for evidence: `{ "429": 3, "connect": 1, "watch-relist": 2 }`. */
  retryCounts(): Readonly<Record<string, number>>;
}

export interface ServedResource extends ResourceType {
  readonly plural: string;
  readonly namespaced: boolean;
  readonly hasStatus: boolean;
  readonly verbs: readonly string[];
}

export interface ListOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly signal: AbortSignal;
}

export interface WriteOptions {
  readonly fieldManager: string;
  readonly dryRun?: boolean;
  readonly signal: AbortSignal;
}

export interface ApplyOptions extends WriteOptions {
  /** Take over fields other managers own. Default false: a conflict shows that somebody else is writing. */
  readonly force?: boolean;
  /**
   * Duplicate fields and, where the server decodes before it applies, unknown ones: refuse (default) or let pass. A field that the type's schema does
   * not declare is refused in either case (`KUBE_REFUSED`, `details.reason` `SchemaMismatch`): server-side apply never drops one in silence.
   */
  readonly fieldValidation?: 'Strict' | 'Ignore';
}

/** Result of an apply; the body is not asked back in full. */
export interface AppliedObject {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly outcome: 'created' | 'applied';
}

export interface DeleteOptions {
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  /** Seconds a pod may take to end; 0 is what a kubelet sends once the pod has ended. */
  readonly gracePeriodSeconds?: number;
  readonly signal: AbortSignal;
}

export interface LiveScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
}

/** A cache of one type, kept by one list+watch: bookmarks, re-list on 410, restart after a cut. */
export interface LiveSet extends AsyncDisposable {
  /** Objects by `refKey`, as last seen. */
  readonly objects: ReadonlyMap<string, KubeObject>;
  /** Resolves with the predicate's first defined result, checked at once and after every change. Rejects when the signal aborts. */
  until<T>(predicate: (objects: ReadonlyMap<string, KubeObject>) => T | undefined, signal: AbortSignal): Promise<T>;
}
