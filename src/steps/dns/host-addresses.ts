import type { KubeObject, ObjectRef } from '../../model/kube-object.ts';
import { normalName } from '../../model/record-spelling.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const INGRESS = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' } as const;

interface ParentRef {
  readonly name: string;
  readonly namespace?: string;
}

/** Addresses a load balancer, an Ingress or a Gateway shows in its status. */
export function addressesOf(object: KubeObject | undefined): readonly string[] {
  const status = (object?.status ?? {}) as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] }; addresses?: { value?: string }[] };
  const fromService = status.loadBalancer?.ingress?.map((entry) => entry.ip ?? entry.hostname) ?? [];
  const fromGateway = status.addresses?.map((entry) => entry.value) ?? [];
  return [...fromService, ...fromGateway].filter((value): value is string => value !== undefined);
}

/** Whether a host name of a route takes in this one: the name itself, or a wildcard of one or more labels (Gateway API, Hostname). */
export function takesIn(pattern: string, host: string): boolean {
  const wanted = normalName(pattern);
  return wanted === normalName(host) || (wanted.startsWith('*.') && normalName(host).endsWith(wanted.slice(1)));
}

/** The more of the name is written out, the more it says about it. */
function byLength(a: string, b: string): number {
  return b.length - a.length;
}

function bestMatch(objects: readonly KubeObject[], host: string, hostsOf: (object: KubeObject) => readonly string[]): KubeObject | undefined {
  const matches = objects.flatMap((object) => hostsOf(object).flatMap((pattern) => (takesIn(pattern, host) ? [{ object, pattern }] : [])));
  return matches.toSorted((a, b) => byLength(a.pattern, b.pattern))[0]?.object;
}

/** The Gateway of a route, as the platform names it (lattice-workload ingress: `<ns>/<ns>-ingress`). */
function gatewayOf(route: KubeObject): ObjectRef | undefined {
  const parent = (route.spec?.['parentRefs'] as readonly ParentRef[] | undefined)?.[0];
  if (parent === undefined) return undefined;
  return { apiVersion: GATEWAY_API, kind: 'Gateway', namespace: parent.namespace ?? route.metadata.namespace ?? '', name: parent.name };
}

/** Addresses at which a cluster takes requests for a host: those of the Gateway of the route, or of the Ingress, with that name; empty while it has none. */
export async function hostAddresses(cluster: KubeCluster, host: string, signal: AbortSignal): Promise<readonly string[]> {
  const routes = (await cluster.list({ apiVersion: GATEWAY_API, kind: 'HTTPRoute' }, { signal })) ?? [];
  const route = bestMatch(routes, host, ({ spec }) => (spec?.['hostnames'] as readonly string[] | undefined) ?? []);
  const gateway = route === undefined ? undefined : gatewayOf(route);
  if (gateway !== undefined) return addressesOf(await cluster.get(gateway, signal));
  const ingresses = (await cluster.list(INGRESS, { signal })) ?? [];
  const rulesOf = ({ spec }: KubeObject) => (spec?.['rules'] as readonly { readonly host?: string }[] | undefined) ?? [];
  return addressesOf(bestMatch(ingresses, host, (ingress) => rulesOf(ingress).flatMap((rule) => rule.host ?? [])));
}
