import { DrError, isDrError } from '../../../errors/dr-error.ts';
import type { ApiFacts } from '../../../etcd/diagnosis/facts.ts';
import { apiServerSettings } from '../../../etcd/presets/apiserver-settings.ts';
import type { Definitions } from '../../../etcd/presets/preset.ts';
import { Secret } from '../../../model/secret.ts';
import type { Clusters } from '../../../ports/kube-cluster.ts';
import { withLimit } from '../../wait.ts';
import type { GatherTools, PlannedNode } from './gather-node.ts';

/** An API server that is asked on its own machine answers at once, or not at all. */
const PATIENCE = { connectTimeoutMs: 3_000, requestDeadlineMs: 0 } as const;
const READY_MS = 6_000;
/** Name that is in the certificate of every API server (kubeadm `phases/certs`). */
const SERVER_NAME = 'kubernetes';
const CA = '/etc/kubernetes/pki/ca.crt';

export interface ApiTools extends GatherTools {
  readonly clusters: Clusters;
}

/** What one API server says of itself; `undefined` where none is meant to be. */
export async function gatherApi(node: PlannedNode, definitions: Definitions | undefined, tools: ApiTools): Promise<ApiFacts | undefined> {
  const file = definitions?.inPlace.get('kube-apiserver');
  if (file === undefined) return isMeant(node, definitions) ? { state: 'silent', failing: [`${node.name}: nothing on it defines an API server`] } : undefined;
  try {
    return await withLimit(tools, READY_MS, {
      work: async (signal) =>
        await ready(node, { host: apiServerSettings(file).advertiseAddress ?? '127.0.0.1', port: apiServerSettings(file).securePort }, { ...tools, signal }),
      late: () => new DrError({ code: 'KUBE_UNAVAILABLE', message: `no answer within ${READY_MS / 1_000} s` }),
    });
  } catch (error) {
    if (tools.signal.aborted || (isDrError(error) && error.code === 'BUG')) throw error;
    return { state: 'silent', failing: [`${node.name}: ${error instanceof Error ? error.message : String(error)}`] };
  }
}

/** Where a controller manager or scheduler is, an API server is meant to be; a machine of external etcd has none of them. One without etcd has nothing else. */
function isMeant({ hasEtcd }: PlannedNode, definitions: Definitions | undefined): boolean {
  if (!hasEtcd) return true;
  return definitions !== undefined && (definitions.inPlace.has('kube-controller-manager') || definitions.inPlace.has('kube-scheduler'));
}

/** `/readyz` needs no credentials (the role `system:public-info-viewer` of every cluster), so none are taken from the machine. */
async function ready({ name, machine }: PlannedNode, target: { readonly host: string; readonly port: number }, tools: ApiTools): Promise<ApiFacts> {
  const { signal, clusters } = tools;
  const ca = Buffer.concat(await Array.fromAsync(machine.download(CA, signal)));
  await using forward = await machine.forward(target, signal);
  const server = { server: `https://127.0.0.1:${forward.port}`, 'tls-server-name': SERVER_NAME, 'certificate-authority-data': ca.toString('base64') };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    contexts: [{ name, context: { cluster: name, user: name } }],
    clusters: [{ name, cluster: server }],
    users: [{ name, user: {} }],
  };
  const cluster = await clusters.open({ kubeconfig: new Secret(JSON.stringify(kubeconfig)) }, PATIENCE);
  const { status, body } = await cluster.raw('/readyz?verbose', signal);
  if (status === 200) return { state: 'ok', failing: [] };
  const failing = body.split('\n').flatMap((line) => /^\[-\](\S+)/.exec(line)?.[1] ?? []);
  return { state: 'failing', failing: [`${name}: ${failing.join(', ') || `status ${status}`}`] };
}

/** The API of a cluster by what its servers say: one that serves is enough. */
export function joinApi(servers: readonly (ApiFacts | undefined)[]): ApiFacts {
  const asked = servers.filter((server) => server !== undefined);
  if (asked.length === 0) return { state: 'unknown', failing: [] };
  if (asked.some(({ state }) => state === 'ok')) return { state: 'ok', failing: asked.flatMap(({ failing }) => failing) };
  return { state: asked.some(({ state }) => state === 'failing') ? 'failing' : 'silent', failing: asked.flatMap(({ failing }) => failing) };
}
