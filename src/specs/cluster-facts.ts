import type { ClusterFacts } from '../model/baseline.ts';
import { isObject } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { agreementsOf } from './agreements.ts';
import { asList, asText, fieldAt, objectEntries } from './fields.ts';
import { INSTALL_KINDS } from './installs.ts';
import { isNodeReady } from './node-ready.ts';
import { volumeFacts } from './volume-facts.ts';

/** Objects of a live cluster by what a baseline asks of them. */
export interface LiveObjects {
  readonly nodes: readonly KubeObject[];
  /** All objects of the platform's group. */
  readonly platform: readonly KubeObject[];
  readonly services: readonly KubeObject[];
  /** Deployments and StatefulSets. */
  readonly workloads: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
  readonly locations: readonly KubeObject[];
  readonly claims: readonly KubeObject[];
  readonly volumes: readonly KubeObject[];
  /** Other objects, only counted, by kind. */
  readonly counted: Readonly<Record<string, number>>;
}

/** What a baseline remembers of a cluster, sorted, so that two of them compare line by line. Pure. */
export function clusterFactsOf(live: LiveObjects): ClusterFacts {
  return {
    nodes: live.nodes.map(nodeFact).sort(byName),
    services: live.platform
      .filter(({ kind }) => kind === 'LatticeService')
      .map((object) => ({ name: placeOf(object), phase: phaseOf(object) }))
      .sort(byName),
    loadBalancers: live.services
      .map((object) => ({ name: placeOf(object), addresses: addressesOf(object) }))
      .filter(({ addresses }) => addresses.length > 0)
      .sort(byName),
    agreements: agreementsOf(live.platform)
      .agreements.filter(({ status }) => status === 'bilateral')
      .map(({ caller, callee }) => `${caller} -> ${callee}`)
      .sort(),
    images: imagesOf(live.workloads, live.pods),
    charts: live.platform.flatMap(chartOf).sort(byName),
    stores: live.locations.map(storeFact).sort(byName),
    counts: countsOf(live),
    volumes: [...volumeFacts(live.claims, live.volumes)],
  };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function placeOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

function phaseOf(object: KubeObject): string {
  return asText(fieldAt(object.status, 'phase')) ?? 'none';
}

function nodeFact(node: KubeObject): ClusterFacts['nodes'][number] {
  const providerId = asText(fieldAt(node.spec, 'providerID'));
  const kubelet = asText(fieldAt(node.status, 'nodeInfo', 'kubeletVersion'));
  const isControlPlane = node.metadata.labels?.['node-role.kubernetes.io/control-plane'] !== undefined;
  return {
    name: node.metadata.name,
    role: isControlPlane ? 'control-plane' : 'worker',
    addresses: asList(fieldAt(node.status, 'addresses')).flatMap((entry) => asText(fieldAt(entry, 'address')) ?? []),
    ...(providerId === undefined ? {} : { providerId }),
    ...(kubelet === undefined ? {} : { kubelet }),
    isReady: isNodeReady(node),
  };
}

function addressesOf(service: KubeObject): string[] {
  const ingress = asList(fieldAt(service.status, 'loadBalancer', 'ingress'));
  return ingress.flatMap((entry) => asText(fieldAt(entry, 'ip')) ?? asText(fieldAt(entry, 'hostname')) ?? []).sort();
}

/** The version of an Install or a package: what its status says runs, else what its spec asks for. */
function chartOf(object: KubeObject): ClusterFacts['charts'] {
  if (INSTALL_KINDS.has(object.kind)) {
    const version = asText(fieldAt(object.status, 'observedVersion')) ?? asText(fieldAt(object.spec, 'version'));
    return [{ name: `${object.kind} ${object.metadata.name}`, version: version ?? 'unknown' }];
  }
  if (object.kind !== 'LatticePackage') return [];
  const [name, version] = [asText(fieldAt(object.spec, 'chart', 'name')), asText(fieldAt(object.spec, 'chart', 'version'))];
  return [{ name: `LatticePackage ${placeOf(object)} (${name ?? 'no chart'})`, version: version ?? 'unknown' }];
}

function storeFact(location: KubeObject): ClusterFacts['stores'][number] {
  const text = (...path: readonly string[]): string => asText(fieldAt(location.spec, 'objectStorage', ...path)) ?? '';
  return { name: location.metadata.name, bucket: text('bucket'), prefix: text('prefix') };
}

/** Containers of workloads, with the digests that pods of the same container and image report. */
function imagesOf(workloads: readonly KubeObject[], pods: readonly KubeObject[]): ClusterFacts['images'] {
  const running = new Map<string, Set<string>>();
  for (const pod of pods) {
    for (const status of asList(fieldAt(pod.status, 'containerStatuses')).filter(isObject)) {
      const digest = /sha256:[0-9a-f]{64}/.exec(asText(status['imageID']) ?? '')?.[0];
      const key = `${pod.metadata.namespace ?? ''} ${asText(status['image']) ?? ''}`;
      if (digest !== undefined) running.set(key, (running.get(key) ?? new Set()).add(digest));
    }
  }
  const images = workloads.flatMap((workload) =>
    asList(fieldAt(workload.spec, 'template', 'spec', 'containers')).map((container) => {
      const image = asText(fieldAt(container, 'image')) ?? '';
      const digests = [...(running.get(`${workload.metadata.namespace ?? ''} ${image}`) ?? [])].sort();
      return { container: `${workload.kind} ${placeOf(workload)} ${asText(fieldAt(container, 'name')) ?? ''}`, image, digests };
    }),
  );
  return images.sort((a, b) => (a.container < b.container ? -1 : 1));
}

function countsOf({ platform, counted }: LiveObjects): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of platform) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const [kind, count] of Object.entries(counted)) counts.set(kind, count);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A name that users reach the cluster by, and what answers to it. */
export interface IngressHost {
  readonly host: string;
  /** `front/gateway`, or `HTTPRoute front/public`. */
  readonly by: string;
}

/** Names in the ingress of platform services, and in routes and Ingresses besides, sorted. A name that both have is the service's: it made the route. */
export function ingressHosts(platform: readonly KubeObject[], routes: readonly KubeObject[]): readonly IngressHost[] {
  const texts = (values: unknown): readonly string[] => asList(values).filter((value) => typeof value === 'string');
  const ofRoutes = routes.flatMap((object) => {
    const rules = asList(fieldAt(object.spec, 'rules')).flatMap((rule) => asText(fieldAt(rule, 'host')) ?? []);
    return [...texts(fieldAt(object.spec, 'hostnames')), ...rules].map((host) => ({ host, by: `${object.kind} ${placeOf(object)}` }));
  });
  const ofServices = platform.flatMap((object) =>
    objectEntries(fieldAt(object.spec, 'ingress', 'routes')).flatMap(([, route]) => texts(route['hosts']).map((host) => ({ host, by: placeOf(object) }))),
  );
  // A wildcard is no name that could be asked.
  const all = [...ofRoutes, ...ofServices].filter(({ host }) => !host.includes('*'));
  return [...new Map(all.map((entry) => [entry.host, entry])).values()].sort((a, b) => (a.host < b.host ? -1 : 1));
}
