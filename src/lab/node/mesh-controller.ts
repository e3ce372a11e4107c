import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../../model/kube-object.ts';
import type { EdgeListener, Endpoint, Mesh, MeshWorkload } from '../apps/protocol.ts';
import type { Caches } from '../reconcile/caches.ts';
import type { Controller, Requeue } from '../reconcile/controller.ts';
import { TYPES } from '../reconcile/types.ts';
import { listenAddress, listenPort } from './addresses.ts';
import type { NodeContext } from './node-context.ts';

/** Changes of one moment are sent as one. */
const SETTLE_MS = 100;

/** Tells the apps who may call whom and where everybody is, from LatticeMeshMembers and EndpointSlices: what the real mesh programs into its proxies. */
export function meshController(context: NodeContext): Controller {
  const all = (): readonly string[] => ['mesh'];
  let last: unknown;
  let sentTo: unknown;
  return {
    name: 'mesh',
    watches: [TYPES.LatticeMeshMember, TYPES.EndpointSlice, TYPES.Namespace, TYPES.Gateway, TYPES.HTTPRoute, TYPES.Service].map((type) => ({
      type,
      keys: all,
    })),
    initialKeys: ['mesh'],
    async reconcile(_key, signal): Promise<Requeue> {
      await context.clock.sleep(SETTLE_MS, signal);
      const mesh = meshOf(context.caches);
      const listeners = edgeOf(context.caches);
      const { process } = context.runs;
      if (isDeepStrictEqual(last, { mesh, listeners }) && sentTo === process) return undefined;
      process.send({ type: 'mesh', mesh });
      process.send({ type: 'edge', listeners });
      last = { mesh, listeners };
      sentTo = process;
      return undefined;
    },
  };
}

interface PeerRef {
  readonly name: string;
  readonly namespace?: string;
}

/** Every workload with a mesh member or a Service, by `namespace/name`. */
function meshOf(caches: Caches): Mesh {
  const endpoints = endpointsOf(caches.list(TYPES.EndpointSlice));
  const enrolled = new Set(
    caches
      .list(TYPES.Namespace)
      .filter((object) => object.metadata.labels?.['istio.io/dataplane-mode'] === 'ambient')
      .map((object) => object.metadata.name),
  );
  const mesh: Record<string, MeshWorkload> = {};
  for (const [workload, where] of endpoints) mesh[workload] = { dependencies: [], allowedCallers: [], enrolled: false, endpoints: where };
  for (const member of caches.list(TYPES.LatticeMeshMember)) {
    const namespace = member.metadata.namespace ?? '';
    const workload = `${namespace}/${member.metadata.name}`;
    const spec = (member.spec ?? {}) as { dependencies?: readonly PeerRef[]; allowedCallers?: readonly PeerRef[]; dependsAll?: boolean };
    mesh[workload] = {
      dependencies: spec.dependsAll === true ? ['*'] : (spec.dependencies ?? []).map((peer) => peerKey(peer, namespace)),
      allowedCallers: (spec.allowedCallers ?? []).map((peer) => peerKey(peer, namespace)),
      enrolled: enrolled.has(namespace),
      endpoints: endpoints.get(workload) ?? [],
    };
  }
  return mesh;
}

/** What listens at the edge: a Gateway with its routes, and Services of type LoadBalancer. */
function edgeOf(caches: Caches): readonly EdgeListener[] {
  const listeners: EdgeListener[] = [];
  for (const gateway of caches.list(TYPES.Gateway)) {
    const address = (gateway.status as { addresses?: readonly { value: string }[] } | undefined)?.addresses?.[0]?.value;
    const ports = new Set(((gateway.spec?.['listeners'] ?? []) as readonly { port: number }[]).map((listener) => listener.port));
    if (address === undefined) continue;
    const routes = routesOf(gateway, caches.list(TYPES.HTTPRoute, gateway.metadata.namespace));
    for (const port of ports) listeners.push({ address, port: listenPort(port), routes });
  }
  for (const service of caches.list(TYPES.Service)) {
    const status = service.status as { loadBalancer?: { ingress?: readonly { ip?: string }[] } } | undefined;
    const address = status?.loadBalancer?.ingress?.[0]?.ip;
    if (address === undefined || service.metadata.labels?.['app.kubernetes.io/managed-by'] !== 'lattice') continue;
    const workload = `${service.metadata.namespace}/${service.metadata.name}`;
    for (const { port } of (service.spec?.['ports'] ?? []) as readonly { port: number }[])
      listeners.push({ address, port: listenPort(port), routes: { '*': workload } });
  }
  return listeners;
}

function routesOf(gateway: KubeObject, routes: readonly KubeObject[]): Readonly<Record<string, string>> {
  const hosts: Record<string, string> = {};
  for (const route of routes) {
    const spec = (route.spec ?? {}) as {
      parentRefs?: readonly { name: string }[];
      hostnames?: readonly string[];
      rules?: readonly { backendRefs?: readonly { name: string }[] }[];
    };
    const backend = spec.rules?.[0]?.backendRefs?.[0]?.name;
    if (backend === undefined || spec.parentRefs?.some((parent) => parent.name === gateway.metadata.name) !== true) continue;
    for (const host of spec.hostnames ?? ['*']) hosts[host.toLowerCase()] = `${route.metadata.namespace}/${backend}`;
  }
  return hosts;
}

function endpointsOf(slices: readonly KubeObject[]): ReadonlyMap<string, readonly Endpoint[]> {
  const found = new Map<string, Endpoint[]>();
  for (const slice of slices) {
    const service = slice.metadata.labels?.['kubernetes.io/service-name'];
    const port = ((slice['ports'] ?? []) as readonly { port?: number }[])[0]?.port;
    if (service === undefined || port === undefined) continue;
    const list = found.get(`${slice.metadata.namespace}/${service}`) ?? [];
    found.set(`${slice.metadata.namespace}/${service}`, list);
    for (const endpoint of (slice['endpoints'] ?? []) as readonly { addresses: readonly string[]; conditions?: { ready?: boolean } }[]) {
      if (endpoint.conditions?.ready !== true) continue;
      for (const address of endpoint.addresses) list.push({ address: listenAddress(address), port: listenPort(port) });
    }
    list.sort((a, b) => (a.address < b.address ? -1 : 1));
  }
  return found;
}

function peerKey(peer: PeerRef, namespace: string): string {
  return peer.name === '*' ? '*' : `${peer.namespace ?? namespace}/${peer.name}`;
}
