import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { FakeKubeCluster } from '../../fakes/fake-kube-cluster.ts';
import { customType } from '../../fakes/fake-kube-types.ts';

/** Builders for tests of steps: the smallest objects and worlds that mean something. */

const LATTICE = 'lattice.dev/v1alpha1';
const VELERO = 'velero.io/v1';

const NAMESPACED_KINDS = [
  'LatticeService',
  'InfraProvider',
  'DNSProvider',
  'CertIssuer',
  'BackupStore',
  'LatticeClusterBackup',
  'CedarPolicy',
  'SecretProvider',
];
const INSTALL_KINDS = ['CiliumInstall', 'CertManagerInstall', 'ESOInstall'];

/** What cert-manager and External Secrets bring. */
export const BROUGHT = [
  customType({ apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer', clusterScoped: true }),
  customType({ apiVersion: 'external-secrets.io/v1', kind: 'ClusterSecretStore', clusterScoped: true }),
  customType({ apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret' }),
];

const TYPES = [
  customType({ apiVersion: LATTICE, kind: 'LatticeCluster', clusterScoped: true }),
  ...NAMESPACED_KINDS.map((kind) => customType({ apiVersion: LATTICE, kind })),
  ...INSTALL_KINDS.map((kind) => customType({ apiVersion: LATTICE, kind, clusterScoped: true })),
  customType({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster' }),
  customType({ apiVersion: VELERO, kind: 'Backup', hasStatus: false }),
  customType({ apiVersion: VELERO, kind: 'Restore', hasStatus: false }),
  customType({ apiVersion: VELERO, kind: 'BackupStorageLocation', hasStatus: false }),
  customType({ apiVersion: VELERO, kind: 'VolumeSnapshotLocation', hasStatus: false }),
  customType({ apiVersion: VELERO, kind: 'PodVolumeRestore', hasStatus: false }),
  customType({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' }),
  customType({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' }),
  customType({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }),
  ...BROUGHT,
];

const NAMESPACES = ['lattice-system', 'lattice-secrets', 'velero', 'istio-system', 'shop'];

/** An API server that serves what the platform and Velero bring, but for the kinds `without`. */
export function platformCluster(server = 'https://new.invalid:6443', without: readonly string[] = []): FakeKubeCluster {
  const cluster = new FakeKubeCluster({ server, types: TYPES.filter(({ kind }) => !without.includes(kind)) });
  for (const name of NAMESPACES) cluster.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  return cluster;
}

/** An object of the platform. */
export function lattice(kind: string, place: string, rest: JsonObject = {}): KubeObject {
  return objectOf(LATTICE, kind, { place, rest });
}

export function velero(kind: string, name: string, rest: JsonObject = {}): KubeObject {
  return objectOf(VELERO, kind, { place: `velero/${name}`, rest });
}

/** An object of the core group; `namespace/name`, or `name` for a cluster-scoped one. */
export function core(kind: string, place: string, rest: JsonObject = {}): KubeObject {
  return objectOf('v1', kind, { place, rest });
}

/** `metadata` in `rest` is added to what the place gives. */
export function objectOf(apiVersion: string, kind: string, { place, rest = {} }: { readonly place: string; readonly rest?: JsonObject }): KubeObject {
  const [first = '', second] = place.split('/');
  const { metadata, ...others } = rest;
  const named = second === undefined ? { name: first } : { namespace: first, name: second };
  return { apiVersion, kind, metadata: { ...named, ...(metadata as JsonObject | undefined) }, ...others };
}

/** The platform's operator, rolled out. */
export function operator(status: JsonObject = { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 }): KubeObject {
  return objectOf('apps/v1', 'Deployment', { place: 'lattice-system/lattice-operator', rest: { spec: { replicas: 1, template: { metadata: {} } }, status } });
}

/** Secret data as the API holds it. */
export function encoded(data: Readonly<Record<string, string>>): JsonObject {
  return { data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])) };
}

/** The plan's sections that most steps take. */
export const PLAN_CLUSTER = { name: 'workload', parent: { kubeconfig: { file: 'parent.yaml' } }, kubeconfigOut: 'new.yaml' } as const;
export const PLAN_SPECS = { git: { repository: 'specs.git', ref: 'main' } } as const;
export const TARGET = { kubeconfig: 'new.yaml' } as const;

/** Object as one YAML document; JSON is YAML. */
export function yaml(...objects: readonly KubeObject[]): string {
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}
