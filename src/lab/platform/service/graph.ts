import type { Resource, Workload } from './spec.ts';
import { isOwnedVolume, portsOf } from './spec.ts';

/** What the platform knows of a workload when others refer to it. */
export interface GraphNode {
  /** Service ports by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Workloads it declares to call, `namespace/name`. */
  readonly outbound: readonly string[];
  /** Workloads it declares to be called by; `*` is any. */
  readonly inbound: readonly string[];
  /** Volumes it owns and gives to others, by id. */
  readonly volumes: Readonly<Record<string, readonly string[]>>;
}

/** All declared workloads by `namespace/name`. Only that they exist matters here, not their phase (F39). */
export type ServiceGraph = ReadonlyMap<string, GraphNode>;

export function buildGraph(workloads: readonly Workload[]): ServiceGraph {
  return new Map(workloads.map((workload) => [`${workload.namespace}/${workload.name}`, nodeOf(workload)]));
}

/** The owner of a shared volume and whom it lets in. */
export function volumeOwner(graph: ServiceGraph, namespace: string, id: string): { readonly owner: string; readonly allowed: readonly string[] } | undefined {
  for (const [owner, node] of graph) {
    const allowed = node.volumes[id];
    if (allowed !== undefined && owner.startsWith(`${namespace}/`)) return { owner, allowed };
  }
  return undefined;
}

/** `namespace/name` that a service resource refers to; `*` for any. */
export function serviceRef(namespace: string, key: string, resource: Resource): string {
  const name = resource.id ?? key;
  return name === '*' ? '*' : `${resource.namespace ?? namespace}/${name}`;
}

function nodeOf({ namespace, spec }: Workload): GraphNode {
  const services = Object.entries(spec.workload.resources ?? {}).filter(([, resource]) => resource.type === 'service');
  const towards = (direction: string): readonly string[] =>
    services
      .filter(([, resource]) => (resource.direction ?? 'outbound') === direction || resource.direction === 'both')
      .map(([key, resource]) => serviceRef(namespace, key, resource));
  const volumes: Record<string, readonly string[]> = {};
  for (const resource of Object.values(spec.workload.resources ?? {})) {
    if (isOwnedVolume(resource) && typeof resource.id === 'string') volumes[resource.id] = resource.params?.allowedConsumers ?? [];
  }
  const ports = Object.fromEntries(portsOf(spec.workload).map(({ name, port }) => [name, port]));
  return { ports, outbound: towards('outbound'), inbound: towards('inbound'), volumes };
}
