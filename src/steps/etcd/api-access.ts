import { DrError } from '../../errors/dr-error.ts';
import { isObject, type JsonValue } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { Secret } from '../../model/secret.ts';
import type { KubeCluster, Patience } from '../../ports/kube-cluster.ts';
import { CAPI_CLUSTER, CAPI_CLUSTER_V1BETA2 } from '../platform-names.ts';
import type { ApiMachine, MachineCtx, PlaneNode } from './plane.ts';

/**
 * Administrators' kubeconfigs of kubeadm (`constants.go`, `AdminKubeConfigFileName`, `SuperAdminKubeConfigFileName`; the second is on the machine that `init` ran on),
 * and of rke2 (docs.rke2.io, "Cluster access").
 */
const KUBECONFIGS = ['/etc/kubernetes/super-admin.conf', '/etc/kubernetes/admin.conf', '/etc/rancher/rke2/rke2.yaml'];
/** In every certificate of an API server that kubeadm makes (`cmd/kubeadm/app/util/pkiutil`, `GetAPIServerAltNames`), and that k3s and rke2 make (`pkg/daemons/control/deps/deps.go`, `genServerCerts`). */
const SERVER_NAME = 'kubernetes';

/** A server that has been seen to answer may ask to wait. */
const PATIENT = { connectTimeoutMs: 5_000, requestDeadlineMs: 30_000 };
/** One that may not have started yet: whoever asks asks again by itself. */
export const AT_ONCE = { connectTimeoutMs: 5_000, requestDeadlineMs: 0 };

/**
 * Talks to the API server of one machine, whatever a load balancer says, through a tunnel: isolated or not. The machine's own administrator kubeconfig stays in
 * memory. Throws `KUBE_UNAVAILABLE`, `KUBECONFIG_INVALID`, `NODE_UNREACHABLE`.
 */
export async function withApi<T>(
  { node, server }: ApiMachine,
  ctx: MachineCtx & { readonly patience?: Patience },
  work: (cluster: KubeCluster) => Promise<T>,
): Promise<T> {
  const text = await readKubeconfig(node, ctx);
  await using forward = await node.machine.forward({ host: '127.0.0.1', port: server.securePort }, ctx.signal);
  // Not closed here: whoever opens the same tunnel's port again is given the same one.
  const cluster = await ctx.ports.clusters.open({ kubeconfig: await throughTunnel(text, forward.port, ctx) }, ctx.patience ?? PATIENT);
  return await work(cluster);
}

async function readKubeconfig({ name, machine }: PlaneNode, { signal }: MachineCtx): Promise<Secret> {
  const script = 'for file in "$@"; do if [ -r "$file" ]; then cat "$file"; exit 0; fi; done; exit 4';
  const { exitCode, stdout } = await machine.run({ title: 'read the kubeconfig of administrators', script, args: KUBECONFIGS, signal });
  if (exitCode === 0) return new Secret(stdout);
  throw new DrError({ code: 'KUBECONFIG_INVALID', message: `${name} has none of ${KUBECONFIGS.join(', ')}` });
}

/** The kubeconfig with its server at the tunnel's end, which has another address than its certificate. */
async function throughTunnel(text: Secret, port: number, { ports, signal }: MachineCtx): Promise<Secret> {
  const [file] = await ports.manifests.parse([{ path: 'kubeconfig', content: Buffer.from(text.reveal()) }], signal);
  const config: JsonValue | undefined = file?.documents[0]?.value;
  const clusters = isObject(config) && Array.isArray(config['clusters']) ? (config['clusters'] as readonly JsonValue[]) : [];
  if (!isObject(config) || clusters.length === 0)
    throw new DrError({ code: 'KUBECONFIG_INVALID', message: 'the kubeconfig of administrators names no cluster' });
  const moved = clusters.map((entry) => {
    const cluster = isObject(entry) && isObject(entry['cluster']) ? entry['cluster'] : {};
    return { ...(isObject(entry) ? entry : {}), cluster: { ...cluster, server: `https://127.0.0.1:${port}`, 'tls-server-name': SERVER_NAME } };
  });
  return new Secret(JSON.stringify({ ...config, clusters: moved }));
}

/** Clusters of Cluster API as they are served, by whichever version. */
export async function capiClusters(cluster: KubeCluster, signal: AbortSignal): Promise<readonly KubeObject[]> {
  return (await cluster.list(CAPI_CLUSTER_V1BETA2, { signal })) ?? (await cluster.list(CAPI_CLUSTER, { signal })) ?? [];
}
