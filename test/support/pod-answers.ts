import { httpGet } from '../../src/lab/apps/mesh-client.ts';
import { listenAddress, listenPort } from '../../src/lab/node/addresses.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import { until } from '../integration/platform-world.ts';

const PORT = 8080;

/** Says whether a pod is Ready. */
export function isPodReady(pod: KubeObject): boolean {
  const conditions = (pod.status?.['conditions'] ?? []) as readonly { readonly type: string; readonly status: string }[];
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}

/** Address of a workload's ready pod; `undefined` while it has none. */
async function podAddress(cluster: KubeCluster, namespace: string, name: string): Promise<string | undefined> {
  const pods = (await cluster.list(TYPES.Pod, { namespace, labelSelector: `app.kubernetes.io/name=${name}`, signal: AbortSignal.timeout(10_000) })) ?? [];
  const address = pods.find((pod) => pod.metadata.deletionTimestamp === undefined && isPodReady(pod))?.status?.['podIP'];
  return typeof address === 'string' ? listenAddress(address) : undefined;
}

/** What a workload's ready pod says of itself, asked directly; `undefined` while it has none that answers. */
async function askPod(cluster: KubeCluster, namespace: string, name: string): Promise<JsonObject | undefined> {
  const address = await podAddress(cluster, namespace, name);
  if (address === undefined) return undefined;
  const reply = await httpGet({ endpoint: { address, port: listenPort(PORT) }, path: '/self', headers: {} });
  return typeof reply === 'string' || reply.status !== 200 ? undefined : (JSON.parse(reply.body.toString()) as JsonObject);
}

/** Waits for a database to answer. Gives the digest of the bytes in its volume `data`. */
export async function volumeDigest(cluster: KubeCluster, namespace: string, name: string): Promise<string> {
  let answer: JsonObject | undefined;
  await until(async () => (answer = await askPod(cluster, namespace, name)) !== undefined, `${namespace}/${name} answers`);
  return (answer?.['volumes'] as unknown as Readonly<Record<string, { readonly digest: string }>> | undefined)?.['data']?.digest ?? '';
}

/** Has a database write a file into its volume `data`, durably, as a client would. */
export async function writeToVolume(cluster: KubeCluster, place: string, file: { readonly name: string; readonly content: string }): Promise<void> {
  const [namespace = '', name = ''] = place.split('/');
  const address = await podAddress(cluster, namespace, name);
  const reply = await fetch(`http://${address}:${listenPort(PORT)}/data/data/${file.name}`, { method: 'PUT', body: file.content });
  if (reply.status !== 201) throw new Error(`${place} answers ${reply.status}: ${await reply.text()}`);
}
