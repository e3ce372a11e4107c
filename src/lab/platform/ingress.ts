import type { KubeObject } from '../../model/kube-object.ts';
import { ownedBy } from './owner.ts';
import type { IngressSpec } from './service/spec.ts';

const API = 'gateway.networking.k8s.io';
const ROUTE_VERSIONS: Readonly<Record<string, string>> = { HTTPRoute: 'v1', GRPCRoute: 'v1', TCPRoute: 'v1alpha2' };

/** Name of a namespace's one Gateway (F54). */
export function gatewayName(namespace: string): string {
  return `${namespace}-ingress`;
}

/** The namespace's Gateway with a listener on port 80 for each host of its members. */
export function gatewayOf(namespace: string, members: readonly KubeObject[]): KubeObject {
  const listeners = members.flatMap((member) =>
    Object.entries(ingressOf(member)?.routes ?? {}).flatMap(([route, { hosts = [] }]) =>
      hosts.map((hostname, index) => ({ name: `${member.metadata.name}-${route}-${index}`, hostname, port: 80, protocol: 'HTTP' })),
    ),
  );
  return {
    apiVersion: `${API}/v1`,
    kind: 'Gateway',
    metadata: { namespace, name: gatewayName(namespace), labels: { 'app.kubernetes.io/managed-by': 'lattice' } },
    spec: { gatewayClassName: 'istio', listeners: listeners.sort((a, b) => (a.name < b.name ? -1 : 1)) },
  };
}

/** One route object for each ingress route of a member. */
export function routesOf(member: KubeObject): readonly KubeObject[] {
  const { namespace = '', name } = member.metadata;
  return Object.entries(ingressOf(member)?.routes ?? {}).map(([route, { hosts = [], kind = 'HTTPRoute', port }]) => ({
    apiVersion: `${API}/${ROUTE_VERSIONS[kind] ?? 'v1'}`,
    kind,
    metadata: { namespace, name: `${name}-${route}`, ownerReferences: [ownedBy(member)] },
    spec: {
      parentRefs: [{ name: gatewayName(namespace) }],
      hostnames: hosts,
      rules: [{ backendRefs: [{ name, port: servicePort(member, port ?? undefined) }] }],
    },
  }));
}

function ingressOf(member: KubeObject): IngressSpec | undefined {
  return (member.spec?.['ingress'] ?? undefined) as IngressSpec | undefined;
}

function servicePort(member: KubeObject, name: string | undefined): number {
  const ports = (member.spec?.['ports'] ?? []) as readonly { readonly name: string; readonly port: number; readonly servicePort?: number | null }[];
  const port = ports.find((candidate) => candidate.name === name) ?? ports[0];
  return port?.servicePort ?? port?.port ?? 80;
}
