import type { Clock } from '../../ports/clock.ts';
import type { ClusterRef, Clusters, KubeCluster } from '../../ports/kube-cluster.ts';
import { KubeConnection } from './connection.ts';
import { HttpKubeCluster } from './http-kube-cluster.ts';
import { accessReader } from './kubeconfig.ts';
import { Sessions } from './sessions.ts';

export interface KubeClustersOptions {
  readonly clock: Clock;
  /** Environment that `kubeconfigEnv` is looked up in. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Longest time of one request with all its tries, in milliseconds. Default 2 minutes: an API server restarts, and a webhook comes back, within it. */
  readonly requestDeadlineMs?: number;
  /** Connections for requests per cluster. Default 32, past which a server gets no faster; watches have their own. */
  readonly connections?: number;
  /** Longest silence within an answer, in milliseconds. Default 65 s: kube-apiserver ends a request after 60 s by itself. */
  readonly inactivityMs?: number;
  /** Longest silence of a watch, in milliseconds. Default 90 s: bookmarks come every minute. */
  readonly watchInactivityMs?: number;
  /** A number in [0, 1) that spreads retries. Default `Math.random`. */
  readonly jitter?: () => number;
}

/** Opens clusters by kubeconfig, one connection pool each, shared by all who name the same reference. */
export function createClusters(options: KubeClustersOptions): Clusters {
  const opened = new Map<string, Promise<KubeCluster>>();
  return {
    async open(ref) {
      const key = keyOf(ref);
      const cluster = opened.get(key) ?? openCluster(ref, options);
      opened.set(key, cluster);
      // A kubeconfig that could not be read may be there the next time.
      cluster.catch(() => opened.delete(key));
      return cluster;
    },
    async [Symbol.asyncDispose]() {
      const all = await Promise.allSettled(opened.values());
      opened.clear();
      await Promise.all(all.map(async (result) => (result.status === 'fulfilled' ? result.value[Symbol.asyncDispose]() : undefined)));
    },
  };
}

/** Opens one cluster without sharing. Throws `KUBECONFIG_INVALID`, or `KUBE_UNAUTHORIZED` when credentials cannot be had. */
export async function openCluster(ref: ClusterRef, options: KubeClustersOptions): Promise<KubeCluster> {
  const { clock, env, requestDeadlineMs = 120_000, connections = 32, inactivityMs = 65_000, watchInactivityMs = 90_000, jitter = Math.random } = options;
  const sessions = await Sessions.open(accessReader(ref, env), { clock, connections, inactivityMs, watchInactivityMs });
  return new HttpKubeCluster(new KubeConnection(sessions, { clock, requestDeadlineMs, jitter }));
}

/** Same reference, same key. A kubeconfig held in memory is told by its text, which stays in this process. */
function keyOf(ref: ClusterRef): string {
  return JSON.stringify('kubeconfig' in ref ? [ref.kubeconfig.reveal(), ref.context] : ref);
}
