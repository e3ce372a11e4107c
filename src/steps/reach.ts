import type { ReadContext } from '../engine/step.ts';
import { DrError, isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { ClusterRef, KubeCluster } from '../ports/kube-cluster.ts';
import { kubeSystemOf } from './kube-system.ts';
import type { StepPorts } from './ports.ts';
import { withLimit } from './wait.ts';

/** A cluster that may be dead: the connection to it, or why there is none. */
export type Reached =
  | { readonly cluster: KubeCluster; readonly version: string; readonly uid: string }
  | { readonly cluster?: never; readonly unreachable: string };

/** Linux sends a second SYN after 1 s (RFC 6298): this long, one lost packet does not make a living server a dead one. undici's timers add up to 0.5 s. */
const CONNECT_TIMEOUT_MS = 1_500;
/** An API server whose etcd has lost quorum takes connections and says its version, and leaves every read without an answer for 60 s. */
const FIRST_READ_LIMIT_MS = 10_000;
/** A server that answered goes away while it is read: it is waited for no longer than a restart of one replica behind a balancer takes. */
const READ_DEADLINE_MS = 5_000;

type Ctx = Pick<ReadContext<unknown, StepPorts>, 'ports' | 'clock' | 'signal'>;

/**
 * Opens a cluster that nobody expects to answer: a refused connection says so at once, a silent address after the connect timeout, a server without its
 * data after 10 s. What is read over the connection afterwards is not waited for longer than 5 s once the server has gone.
 */
export async function reach(ref: ClusterRef, ctx: Ctx, connectTimeoutMs: DurationMs = CONNECT_TIMEOUT_MS): Promise<Reached> {
  try {
    const probe = await ctx.ports.clusters.open(ref, { connectTimeoutMs, requestDeadlineMs: 0 });
    return await withLimit(ctx, FIRST_READ_LIMIT_MS, {
      work: async (signal) => {
        const version = await probe.version(signal);
        const kubeSystem = await kubeSystemOf(probe, signal);
        const cluster = await ctx.ports.clusters.open(ref, { connectTimeoutMs, requestDeadlineMs: READ_DEADLINE_MS });
        return { cluster, version, uid: kubeSystem?.metadata.uid ?? '' };
      },
      late: () =>
        new DrError({ code: 'KUBE_UNAVAILABLE', message: `${probe.server} takes connections and answers no read within ${FIRST_READ_LIMIT_MS / 1_000} s` }),
    });
  } catch (error) {
    if (ctx.signal.aborted || !isDrError(error)) throw error;
    return { unreachable: error.message };
  }
}
