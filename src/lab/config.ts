/**
 * The on-disk description of a lab. Every part of the lab (the CLI, the platform stand-in, the node stand-in) is a process of its own and knows the
 * others only through these files, so that each may be killed and started again at any time:
 *
 * - `<directory>/lab.json`: `LabConfig`, written once by `lab up`;
 * - `<directory>/clusters/<id>/cluster.json`: `LabCluster`, one per cluster ever created, kept (with `destroyedAt`) after a destroy;
 * - `<directory>/clusters/<id>/{platform,node}.json`: `StandInConfig`, the one argument of a stand-in;
 * - `<directory>/run/<process id>.json`: a server that is wanted, with its pid and start time.
 */

/** A whole lab: what its clusters share. */
export interface LabConfig {
  readonly formatVersion: 1;
  readonly name: string;
  /** Absolute; everything of the lab is beneath it. */
  readonly directory: string;
  /** Index of the block of ports and loopback addresses this lab has claimed on this machine. */
  readonly block: number;
  /** Name of the parent (management) cluster. */
  readonly parent: string;
  readonly s3: LabS3;
  readonly dns: LabDns;
  readonly behaviour: LabBehaviour;
}

export interface LabS3 {
  /** `http://127.0.0.1:<port>`, or the fault proxy if there is one: what everybody is told. */
  readonly endpoint: string;
  /** Of the server itself. */
  readonly port: number;
  /** Ports of the fault proxy before it, in a lab with fault proxies. */
  readonly proxy?: { readonly port: number; readonly control: number };
  readonly region: string;
  /** AWS shared-credentials file (profile `default`) of the account `lattice-dr`, for the tool under test. May do anything. */
  readonly credentialsPath: string;
  /** The same of the account `velero`: what Velero and its plugins find by themselves, as a machine's own identity would give it. */
  readonly veleroCredentialsPath: string;
  /** Bucket of Velero backups; versioned, made with Object Lock enabled (no default retention). */
  readonly bucket: string;
  /** Bucket of the volume snapshotter: Velero refuses foreign prefixes in its own (Velero 1.18 object_store.go, `IsValid`). */
  readonly volumeBucket: string;
  /** One line per request, in the form of an S3 server access log; the requester is the account's name. */
  readonly accessLogPath: string;
}

export interface LabDns {
  readonly host: string;
  readonly port: number;
  /** The zone this server is authoritative for; updates only with the TSIG key. */
  readonly zone: string;
  /** BIND key file (hmac-sha256), 0600, key name `lattice-dr`: for the tool under test. */
  readonly tsigKeyPath: string;
  /** The same with key name `external-dns`: for the clusters' own record writers, so that the update log tells the two apart. */
  readonly externalDnsKeyPath: string;
  /** One line per update that was received, applied or refused. */
  readonly updateLogPath: string;
  readonly queryLogPath: string;
  /** `http://127.0.0.1:<port>`: BIND's statistics channel (`/json/v1`). */
  readonly statisticsUrl: string;
}

/** How the stand-ins behave; the defaults (`DEFAULT_BEHAVIOUR`) are the real platform's, except where a lab must be quicker. */
export interface LabBehaviour {
  /** Generation of custom resource definitions that new clusters serve. */
  readonly schema: 'current' | 'seed';
  /** Wait of the operator after a failed reconcile, in milliseconds. */
  readonly retryIntervalMs: number;
  /** Puts a fault proxy before each API server and the S3 server; the kubeconfigs and endpoints that are published then lead through it. */
  readonly faultProxy: boolean;
}

/** One instance of a cluster. A rebuilt cluster has the same name and another id. */
export interface LabCluster {
  /** `<name>-<4 hex>`. */
  readonly id: string;
  readonly name: string;
  readonly role: 'parent' | 'workload';
  /** ISO 8601. */
  readonly createdAt: string;
  /** Set once it was destroyed; nothing of it runs any more. */
  readonly destroyedAt?: string;
  /** `<lab>/clusters/<id>`. */
  readonly directory: string;
  /** Directories of persistent volumes; what a destroy with kept disks leaves. */
  readonly disksPath: string;
  /** Position among the lab's clusters; decides ports and addresses. Reused only when all others have been used. */
  readonly slot: number;
  readonly ports: ClusterPorts;
  /**
   * First two octets and a /20 of loopback for this cluster's pods and services: `127.<octet2>.<octet3From>.0` to `127.<octet2>.<octet3From + 15>.255`.
   * The API server refuses loopback in pod endpoints (validation `ValidateNonSpecialIP`), so objects show `10.` in place of `127.` and the same other
   * three octets; `127.…` is where it listens and what DNS answers.
   */
  readonly addresses: { readonly octet2: number; readonly octet3From: number };
  /** Direct URL of the API server. */
  readonly server: string;
  /** URL that lattice-dr is meant to use: the fault proxy if there is one, else `server`. */
  readonly publicServer: string;
  readonly etcdUrl: string;
  /** Random per instance: etcd derives its cluster id from it, so that a rebuilt cluster cannot pass for the old one. */
  readonly etcdToken: string;
  readonly kubeconfigs: ClusterKubeconfigs;
  readonly pki: ClusterPki;
  /** JSON lines, level Metadata, stage ResponseComplete. Outlives the cluster. */
  readonly auditLogPath: string;
}

/** All on 127.0.0.1. */
export interface ClusterPorts {
  readonly apiserver: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly controllerManager: number;
  readonly faultProxy: number;
  readonly latencyProxy: number;
  readonly faultControl: number;
  readonly veleroMetrics: number;
  readonly veleroProfiler: number;
  /** Control endpoint of the platform stand-in. */
  readonly platformControl: number;
  /** HTTPS of the platform's admission webhook. */
  readonly platformWebhook: number;
  /** Control endpoint of the node stand-in. */
  readonly nodeControl: number;
}

/** Files, 0600. Each is cluster-admin (group system:masters) under a user name of its own, so that audit logs tell the writers apart. */
export interface ClusterKubeconfigs {
  /** User `lattice-admin`, direct. */
  readonly admin: string;
  /** User `lattice-admin`, through `publicServer`: what the platform publishes in Secrets and what plans name. */
  readonly public: string;
  /** User `lattice-admin`, over a connection that a fault can slow down (port `latencyProxy`); serves only in a lab with fault proxies. */
  readonly latency: string;
  /** User `lattice-operator`, direct: the platform stand-in. */
  readonly operator: string;
  /** User `lab-node`, direct: the node stand-in. */
  readonly node: string;
  /** User `system:kube-controller-manager`, direct. */
  readonly controllers: string;
}

export interface ClusterPki {
  readonly caCert: string;
  readonly caKey: string;
}

/** The argument of `node src/lab/platform/main.ts` and `node src/lab/node/main.ts`: where to find the rest. Each serves `GET /healthz` on `controlPort`. */
export interface StandInConfig {
  readonly labDirectory: string;
  readonly clusterId: string;
  /** The stand-in's own folder for what must outlive it; exists. */
  readonly stateDirectory: string;
  /** Port of its control endpoint on 127.0.0.1. */
  readonly controlPort: number;
}

/** The documented behaviour of the platform, with a retry interval short enough to practise with (upstream requeues after 30 s). */
export const DEFAULT_BEHAVIOUR: LabBehaviour = { schema: 'current', retryIntervalMs: 5_000, faultProxy: false };
