import type { Digest } from '../../model/digest.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ClusterRef, Clusters, KubeCluster, Patience } from '../../ports/kube-cluster.ts';
import { KubeConnection } from './connection.ts';
import { HttpKubeCluster } from './http-kube-cluster.ts';
import { accessReader, kubeconfigDigest } from './kubeconfig.ts';
import { Sessions } from './sessions.ts';

export interface KubeClustersOptions {
  readonly clock: Clock;
  /** Environment that `kubeconfigEnv` is looked up in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Longest time of one request with all its tries, in milliseconds. Default 2 minutes: an API server restarts, and a webhook comes back, within it. */
  readonly requestDeadlineMs?: number;
  /** Longest wait for one connection, in milliseconds. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** Connections for requests per cluster. Default 32, past which a server gets no faster; watches have their own. */
  readonly connections?: number;
  /** Longest silence within an answer, in milliseconds. Default 65 s: kube-apiserver ends a request after 60 s by itself. */
  readonly inactivityMs?: number;
  /** Longest silence of a watch, in milliseconds. Default 90 s: bookmarks come every minute. */
  readonly watchInactivityMs?: number;
  /** A number in [0, 1) that spreads retries. Default `Math.random`. */
  readonly jitter?: () => number;
}

/** A cluster as it was opened, with the kubeconfig that it was opened by. */
interface Opened {
  readonly digest: Digest;
  readonly cluster: Promise<KubeCluster>;
}

/**
 * Opens clusters by kubeconfig, one connection pool each, shared by all who name the same reference. A kubeconfig that was written anew names another
 * cluster, or other credentials: whoever opens it then gets these. Work that is under way on the one of before ends there; its pool is closed with the rest.
 */
export function createClusters(options: KubeClustersOptions): Clusters {
  const opened = new Map<string, Opened>();
  const replaced: Opened[] = [];
  return {
    async open(ref, patience) {
      const digest = await kubeconfigDigest(ref, options.env);
      const key = keyOf(ref, digest, patience);
      const before = opened.get(key);
      if (before?.digest === digest) return before.cluster;
      const now = { digest, cluster: openCluster(ref, { ...options, ...patience }) };
      opened.set(key, now);
      // A kubeconfig that could not be used may be mended the next time.
      now.cluster.catch(() => opened.get(key) === now && opened.delete(key));
      if (before !== undefined) replaced.push(before);
      return now.cluster;
    },
    async [Symbol.asyncDispose]() {
      const all = [...opened.values(), ...replaced.splice(0)];
      opened.clear();
      await Promise.all(all.map(close));
    },
  };
}

async function close({ cluster }: Opened): Promise<void> {
  // One that could not be opened has nothing to close, and has told whoever opened it.
  const found = await cluster.catch(() => undefined);
  await found?.[Symbol.asyncDispose]();
}

/** Opens one cluster without sharing. Throws `KUBECONFIG_INVALID`, or `KUBE_UNAUTHORIZED` when credentials cannot be had. */
export async function openCluster(ref: ClusterRef, options: KubeClustersOptions): Promise<KubeCluster> {
  const { clock, env, requestDeadlineMs = 120_000, connections = 32, inactivityMs = 65_000, watchInactivityMs = 90_000, jitter = Math.random } = options;
  const { connectTimeoutMs } = options;
  const sessions = await Sessions.open(accessReader(ref, env), { clock, connections, connectTimeoutMs, inactivityMs, watchInactivityMs });
  return new HttpKubeCluster(new KubeConnection(sessions, { clock, requestDeadlineMs, jitter }));
}

/** Same reference and patience, same key. A kubeconfig held in memory is told by its digest. */
function keyOf(ref: ClusterRef, digest: Digest, patience: Patience | undefined): string {
  return JSON.stringify(['kubeconfig' in ref ? [digest, ref.context] : ref, patience]);
}
