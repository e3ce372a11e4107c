import { isDrError } from '../../../errors/dr-error.ts';
import type { JsonObject } from '../../../model/json.ts';
import { type KubeObject, refOf } from '../../../model/kube-object.ts';
import { phaseOf } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { capiNamespace, LATTICE_SYSTEM, type PlatformContext } from '../context.ts';
import { capiObjects } from './move.ts';
import type { Heartbeat, HeartbeatReply } from './protocol.ts';
import { PARENT_CONFIG } from './self-controller.ts';

/** Upstream's agent sends one every 30 s over a stream that tells of a disconnection at once; the lab has no stream. */
const HEARTBEAT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 5_000;
const MANAGER = 'lattice-agent';
/** Name of the Secret with the agent's credential. */
export const AGENT_CREDENTIALS = 'lattice-agent-credentials';

/** The types whose objects the agent reads. */
export const AGENT_TYPES = [TYPES.Secret, TYPES.LatticeCluster, TYPES.CapiCluster, TYPES.Node];

/**
 * The child's side of the link to its parent: heartbeats with its state, what the parent hands down, and the order to delete itself. Runs until the signal
 * aborts; on a cluster without a parent it does nothing.
 */
export async function runAgent(context: PlatformContext, signal: AbortSignal): Promise<void> {
  const connection = context.random.hex(8);
  let resourcesDigest = '';
  let lastFailure = '';
  while (!signal.aborted) {
    try {
      const reply = await beat({ context, connection, resourcesDigest, signal });
      if (reply?.resources !== undefined) resourcesDigest = await applyResources(reply.resources, context, signal);
      if (reply?.command === 'delete') await deleteSelf(context, signal);
      lastFailure = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // The same once a second would fill the log of a cluster whose parent is gone.
      if (!signal.aborted && message !== lastFailure) context.log(`agent: ${message}`);
      lastFailure = message;
    }
    await context.clock.sleep(HEARTBEAT_MS, signal).catch(() => undefined);
  }
}

async function applyResources({ digest, objects }: NonNullable<HeartbeatReply['resources']>, { kube }: PlatformContext, signal: AbortSignal): Promise<string> {
  for (const object of objects) await kube.apply(object, { fieldManager: MANAGER, force: true, signal });
  return digest;
}

interface Beat {
  readonly context: PlatformContext;
  readonly connection: string;
  readonly resourcesDigest: string;
  readonly signal: AbortSignal;
}

async function beat({ context, connection, resourcesDigest, signal }: Beat): Promise<HeartbeatReply | undefined> {
  const config = dataOf(context, PARENT_CONFIG);
  const credentials = dataOf(context, AGENT_CREDENTIALS);
  if (config === undefined || credentials === undefined) return undefined;
  const [host, port] = (config['cell_endpoint'] ?? '').split(':');
  const heartbeat = await describe(context, { connection, resourcesDigest }, signal);
  const response = await fetch(`http://${host}:${port}/api/clusters/${context.cluster.name}/heartbeat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${credentials['token'] ?? ''}`, 'content-type': 'application/json' },
    body: JSON.stringify(heartbeat),
    signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
  });
  if (!response.ok) throw new TypeError(`the parent answers ${response.status}: ${await response.text()}`);
  return (await response.json()) as HeartbeatReply;
}

async function describe(context: PlatformContext, base: Pick<Heartbeat, 'connection' | 'resourcesDigest'>, signal: AbortSignal): Promise<Heartbeat> {
  const { name } = context.cluster;
  const cluster = context.caches.get({ ...TYPES.LatticeCluster, name });
  const capi = context.caches.get(namespaced(TYPES.CapiCluster, capiNamespace(name), name));
  const isUnpivoting = phaseOf(cluster) === 'Unpivoting';
  return {
    ...base,
    capiReady: true,
    pivotComplete: capi !== undefined,
    readyNodes: context.caches.list(TYPES.Node).length,
    ...(phaseOf(cluster) === 'Ready' && cluster !== undefined ? { state: stateOf(cluster) } : {}),
    ...(isUnpivoting ? { unpivot: await capiObjects(context.kube, capiNamespace(name), signal) } : {}),
  };
}

/** What the child is the authority on: its spec, and its status but for what only its parent knows. */
function stateOf(cluster: KubeObject): { readonly spec: JsonObject; readonly status: JsonObject } {
  const { pivotComplete: _pivot, bootstrapComplete: _bootstrap, unpivotImportComplete: _import, bootstrapToken: _token, ...status } = cluster.status ?? {};
  return { spec: cluster.spec ?? {}, status };
}

async function deleteSelf({ kube, cluster }: PlatformContext, signal: AbortSignal): Promise<void> {
  try {
    await kube.delete(refOf({ ...TYPES.LatticeCluster, metadata: { name: cluster.name } }), { signal });
  } catch (error) {
    if (!isDrError(error, 'KUBE_NOT_FOUND')) throw error;
  }
}

function dataOf({ caches }: PlatformContext, name: string): Readonly<Record<string, string>> | undefined {
  const data = caches.get(namespaced(TYPES.Secret, LATTICE_SYSTEM, name))?.['data'] as Readonly<Record<string, string>> | undefined;
  return data === undefined ? undefined : Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}
