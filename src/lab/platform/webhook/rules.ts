import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';

/** What an admission review asks about. */
export interface AdmissionRequest {
  readonly uid: string;
  readonly kind: { readonly kind: string };
  readonly namespace?: string;
  readonly name?: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly object: KubeObject | null;
  readonly oldObject: KubeObject | null;
}

/** Namespaces of the platform's own parts, where nobody may put a workload (upstream `lattice-core/src/system_namespaces.rs`, F4). */
const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'cilium-system',
  'istio-system',
  'cert-manager',
  'external-dns',
  'velero',
  'rook-ceph',
  'capi-system',
  'capi-kubeadm-bootstrap-system',
  'capi-kubeadm-control-plane-system',
  'capa-system',
  'capmox-system',
  'capd-system',
  'rke2-bootstrap-system',
  'rke2-control-plane-system',
]);

/** Kinds that are refused in system namespaces. */
const NAMESPACED_KINDS: ReadonlySet<string> = new Set(['LatticeService', 'LatticeJob', 'LatticeModel', 'LatticeMeshMember']);

/** Why an object is refused, `undefined` when it is not. Upstream `lattice-webhook/src/validators/`. */
export function refusalOf(request: AdmissionRequest): string | undefined {
  const { kind } = request.kind;
  const { object, oldObject, namespace } = request;
  if (object === null) return undefined;
  if (NAMESPACED_KINDS.has(kind) && namespace !== undefined && SYSTEM_NAMESPACES.has(namespace))
    return `${kind} cannot be created in system namespace '${namespace}'`;
  if (kind === 'LatticeCluster') return clusterFault(object.spec ?? {}) ?? parentConfigFault(oldObject?.spec, object.spec);
  if (kind === 'LatticeService') return serviceFault(object.spec ?? {});
  if (kind === 'SecretProvider') {
    const count = Object.keys((object.spec?.['provider'] ?? {}) as JsonObject).length;
    return count === 1 ? undefined : `spec.provider must have exactly one provider, has ${count}`;
  }
  return undefined;
}

function clusterFault(spec: JsonObject): string | undefined {
  if (spec['providerRef'] === '') return 'provider_ref cannot be empty';
  const replicas = (spec['nodes'] as { readonly controlPlane?: { readonly replicas?: number } } | undefined)?.controlPlane?.replicas ?? 0;
  if (replicas % 2 === 0) return `control plane replicas must be odd, not ${replicas}`;
  const config = ((spec['provider'] as JsonObject | undefined)?.['config'] ?? {}) as JsonObject;
  const blocks = Object.entries(config).filter(([, block]) => block !== null && block !== undefined);
  if (blocks.length !== 1) return `provider.config must have exactly one of aws, docker, proxmox, basis, has ${blocks.length}`;
  return Object.keys((spec['issuers'] ?? {}) as JsonObject).includes('ca') ? "issuers['ca'] is reserved for the platform CertIssuer" : undefined;
}

/** A parent's addresses are in its children's hands: they can be neither changed nor taken away. */
function parentConfigFault(before: JsonObject | undefined, after: JsonObject | undefined): string | undefined {
  const old = before?.['parentConfig'] ?? null;
  const now = after?.['parentConfig'] ?? null;
  if (old === null || isDeepStrictEqual(old, now)) return undefined;
  return now === null
    ? 'spec.parentConfig cannot be removed once set. Delete and recreate the cluster.'
    : 'spec.parentConfig is immutable once set. Delete and recreate the cluster to change parent configuration.';
}

function serviceFault(spec: JsonObject): string | undefined {
  const replicas = (spec['replicas'] ?? 1) as number;
  const autoscaling = (spec['autoscaling'] ?? undefined) as { readonly max: number } | undefined;
  if (autoscaling !== undefined && autoscaling.max < replicas) return `autoscaling.max (${autoscaling.max}) must be >= replicas (${replicas})`;
  const service = ((spec['workload'] as JsonObject | undefined)?.['service'] ?? {}) as JsonObject;
  const isExternal = ['LoadBalancer', 'NodePort'].includes(String(service['serviceType']));
  return isExternal && (spec['ingress'] ?? null) !== null ? 'service.serviceType and ingress are mutually exclusive' : undefined;
}
