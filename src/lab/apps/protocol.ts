/** One app to run: what a pod's container would be. */
export interface AppSpec {
  /** Uid of the pod. */
  readonly id: string;
  /** `namespace/name` of the workload, its identity in the mesh. */
  readonly workload: string;
  /** Loopback address it listens on and calls from. */
  readonly address: string;
  /** Ports it really listens on. */
  readonly ports: readonly number[];
  /** Plain environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Digest of each variable that came from a Secret; the values themselves never reach the app. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly volumes: readonly AppVolume[];
  /** Serves; or only replays the logs of its databases, or looks whether that is needed, and ends. */
  readonly task: 'serve' | 'recover' | 'check';
  /** Ends by itself: a job. */
  readonly once: boolean;
}

export interface AppVolume {
  /** Name of the volume in the pod. */
  readonly name: string;
  /** Directory on this machine. */
  readonly path: string;
  /** This workload made the volume, so it fills it when it is empty. */
  readonly owned: boolean;
}

/** What the mesh knows of a workload. */
export interface MeshWorkload {
  /** Workloads it may call; `*` is any. */
  readonly dependencies: readonly string[];
  /** Workloads that may call it; `*` is any. */
  readonly allowedCallers: readonly string[];
  /** Its namespace takes part in the mesh. */
  readonly enrolled: boolean;
  /** Where its ready pods listen. */
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Workloads by `namespace/name`. */
export type Mesh = Readonly<Record<string, MeshWorkload>>;

/** An address of the cluster's edge: a Gateway's, or a Service's of type LoadBalancer. */
export interface EdgeListener {
  readonly address: string;
  readonly port: number;
  /** Workload per host name; the host `*` is any. */
  readonly routes: Readonly<Record<string, string>>;
}

/** From the node to the app host. */
export type HostCommand =
  | { readonly type: 'start'; readonly app: AppSpec }
  | { readonly type: 'stop'; readonly id: string }
  | { readonly type: 'unready'; readonly workloads: readonly string[] }
  | { readonly type: 'mesh'; readonly mesh: Mesh }
  | { readonly type: 'edge'; readonly listeners: readonly EdgeListener[] };

/** From the app host to the node. */
export type HostReport =
  | { readonly type: 'ready' }
  | { readonly type: 'started'; readonly id: string }
  | { readonly type: 'failed'; readonly id: string; readonly message: string }
  | { readonly type: 'finished'; readonly id: string };
