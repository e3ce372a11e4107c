import type { ResourceType } from '../../model/kube-object.ts';

const lattice = (kind: string): ResourceType => ({ apiVersion: 'lattice.dev/v1alpha1', kind });
const core = (kind: string): ResourceType => ({ apiVersion: 'v1', kind });

/** The types of objects that the stand-ins read and write, by kind. */
export const TYPES = {
  BackupStore: lattice('BackupStore'),
  CedarPolicy: lattice('CedarPolicy'),
  CertIssuer: lattice('CertIssuer'),
  DNSProvider: lattice('DNSProvider'),
  ImageProvider: lattice('ImageProvider'),
  InfraProvider: lattice('InfraProvider'),
  LatticeCluster: lattice('LatticeCluster'),
  LatticeClusterBackup: lattice('LatticeClusterBackup'),
  LatticeJob: lattice('LatticeJob'),
  LatticeMeshMember: lattice('LatticeMeshMember'),
  LatticeModel: lattice('LatticeModel'),
  LatticePackage: lattice('LatticePackage'),
  LatticeQuota: lattice('LatticeQuota'),
  LatticeRestore: lattice('LatticeRestore'),
  LatticeService: lattice('LatticeService'),
  OIDCProvider: lattice('OIDCProvider'),
  SecretProvider: lattice('SecretProvider'),
  ConfigMap: core('ConfigMap'),
  Namespace: core('Namespace'),
  Node: core('Node'),
  PersistentVolume: core('PersistentVolume'),
  PersistentVolumeClaim: core('PersistentVolumeClaim'),
  Pod: core('Pod'),
  Secret: core('Secret'),
  Service: core('Service'),
  ServiceAccount: core('ServiceAccount'),
  ClusterRoleBinding: { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding' },
  Deployment: { apiVersion: 'apps/v1', kind: 'Deployment' },
  DaemonSet: { apiVersion: 'apps/v1', kind: 'DaemonSet' },
  EndpointSlice: { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' },
  StorageClass: { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass' },
  CustomResourceDefinition: { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
  ValidatingWebhookConfiguration: { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingWebhookConfiguration' },
  ExternalSecret: { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret' },
  ClusterSecretStore: { apiVersion: 'external-secrets.io/v1', kind: 'ClusterSecretStore' },
  Gateway: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' },
  HTTPRoute: { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' },
  CapiCluster: { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster' },
  CapiMachine: { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine' },
  BackupStorageLocation: { apiVersion: 'velero.io/v1', kind: 'BackupStorageLocation' },
  VeleroSchedule: { apiVersion: 'velero.io/v1', kind: 'Schedule' },
  VeleroRestore: { apiVersion: 'velero.io/v1', kind: 'Restore' },
} as const satisfies Readonly<Record<string, ResourceType>>;

/** Reference of an object of a namespaced type. */
export function namespaced(type: ResourceType, namespace: string, name: string): ResourceType & { readonly namespace: string; readonly name: string } {
  return { ...type, namespace, name };
}
