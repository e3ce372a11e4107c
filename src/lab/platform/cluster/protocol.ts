import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';

/** What a new machine gets for its one-time token: `GET /api/clusters/<name>/manifests`. */
export interface BootstrapBundle {
  /** The child's own LatticeCluster, without status. */
  readonly cluster: KubeObject;
  /** Secrets, providers and policies that the parent hands down. */
  readonly resources: readonly KubeObject[];
  readonly parent: string;
  /** `host:http-port:grpc-port`, as in `lattice-parent-config`. */
  readonly cellEndpoint: string;
  /** Credential of the child's agent, derived from the parent's CA. */
  readonly credential: string;
}

/** `POST /api/clusters/<name>/heartbeat`, authenticated by the agent's credential. */
export interface Heartbeat {
  /** New for each start of an agent: another one replaces the connection. */
  readonly connection: string;
  readonly capiReady: boolean;
  readonly pivotComplete: boolean;
  readonly readyNodes: number;
  /** The child's own LatticeCluster once it is Ready, for state sync. */
  readonly state?: { readonly spec: JsonObject; readonly status: JsonObject };
  /** Cluster API objects sent back: the child is being deleted. */
  readonly unpivot?: readonly KubeObject[];
  /** Digest of the handed-down resources that the child has applied. */
  readonly resourcesDigest: string;
}

export interface HeartbeatReply {
  readonly command?: 'delete';
  readonly resources?: { readonly digest: string; readonly objects: readonly KubeObject[] };
}
