import type { JsonObject } from '../../src/model/json.ts';
import type { KubeObject, ResourceType } from '../../src/model/kube-object.ts';
import type { ServedResource } from '../../src/ports/kube-cluster.ts';

/** A type as the fake serves it. */
export interface FakeType extends ServedResource {
  /** Counts changes outside of metadata and status. Custom resources and workloads do; ConfigMaps, Secrets and Namespaces do not. */
  readonly counted: boolean;
}

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'] as const;

type BuiltIn = readonly [apiVersion: string, kind: string, plural: string, flags?: string];

/** Built-in types a recovery meets. Flags: `c` cluster-scoped, `s` status subresource, `g` generation. */
const BUILT_INS: readonly BuiltIn[] = [
  ['v1', 'Namespace', 'namespaces', 'cs'],
  ['v1', 'Node', 'nodes', 'cs'],
  ['v1', 'PersistentVolume', 'persistentvolumes', 'cs'],
  ['v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', 's'],
  ['v1', 'ConfigMap', 'configmaps'],
  ['v1', 'Secret', 'secrets'],
  ['v1', 'Service', 'services', 's'],
  ['v1', 'ServiceAccount', 'serviceaccounts'],
  ['v1', 'Pod', 'pods', 'sg'],
  ['v1', 'Event', 'events'],
  ['apps/v1', 'Deployment', 'deployments', 'sg'],
  ['apps/v1', 'StatefulSet', 'statefulsets', 'sg'],
  ['apps/v1', 'ReplicaSet', 'replicasets', 'sg'],
  ['apps/v1', 'DaemonSet', 'daemonsets', 'sg'],
  ['batch/v1', 'Job', 'jobs', 'sg'],
  ['batch/v1', 'CronJob', 'cronjobs', 'sg'],
  ['discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', 'g'],
  ['coordination.k8s.io/v1', 'Lease', 'leases'],
  ['storage.k8s.io/v1', 'StorageClass', 'storageclasses', 'c'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', 'c'],
  ['rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', 'c'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', 'csg'],
  ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', 'cg'],
  ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', 'cg'],
];

/** The built-in types. */
export function builtInTypes(): readonly FakeType[] {
  return BUILT_INS.map(([apiVersion, kind, plural, flags = '']) => ({
    apiVersion,
    kind,
    plural,
    verbs: VERBS,
    namespaced: !flags.includes('c'),
    hasStatus: flags.includes('s'),
    counted: flags.includes('g'),
  }));
}

/** A custom type, for tests that need no CRD object. */
export function customType(type: ResourceType & { readonly plural?: string; readonly clusterScoped?: boolean; readonly hasStatus?: boolean }): FakeType {
  const { apiVersion, kind, plural = `${kind.toLowerCase()}s`, clusterScoped = false, hasStatus = true } = type;
  return { apiVersion, kind, plural, verbs: VERBS, namespaced: !clusterScoped, hasStatus, counted: true };
}

/** The types that a CustomResourceDefinition declares, one for each served version. */
export function typesOfCrd(crd: KubeObject): readonly FakeType[] {
  const spec = crd.spec as unknown as {
    readonly group: string;
    readonly scope: string;
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean; readonly subresources?: JsonObject }[];
  };
  return spec.versions
    .filter((version) => version.served)
    .map((version) => ({
      apiVersion: `${spec.group}/${version.name}`,
      kind: spec.names.kind,
      plural: spec.names.plural,
      verbs: VERBS,
      namespaced: spec.scope === 'Namespaced',
      hasStatus: version.subresources?.['status'] !== undefined,
      counted: true,
    }));
}
