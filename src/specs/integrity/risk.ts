import { isObject, type JsonValue } from '../../model/json.ts';
import { groupOf, type KubeObject, type ResourceType } from '../../model/kube-object.ts';
import { type RiskClass, worseRisk } from '../../model/risk-class.ts';
import { isWorkloadKind } from '../profiles/workload.ts';
import type { FieldPath } from './field-path.ts';

/** Keys that give a process more of its machine, at any depth (core/v1 PodSpec and SecurityContext; `lattice-crd/src/crd/workload/spec.rs`, RuntimeSpec). */
const PRIVILEGE_KEYS: ReadonlySet<string> = new Set([
  'securityContext',
  'security',
  'privileged',
  'capabilities',
  'allowPrivilegeEscalation',
  'runAsUser',
  'runAsGroup',
  'runAsNonRoot',
  'seccompProfile',
  'appArmorProfile',
  'apparmorProfile',
  'seLinuxOptions',
  'procMount',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'hostPath',
  'hostUsers',
  'shareProcessNamespace',
  'sysctls',
  'serviceAccountName',
  'automountServiceAccountToken',
  'runtimeClassName',
  'readOnlyRootFilesystem',
  'allowedBinaries',
]);
/** Keys that say which code runs, or whose signature is asked for. */
const IMAGE_KEYS: ReadonlySet<string> = new Set([
  'image',
  'latticeImage',
  'chart',
  'command',
  'args',
  'registry',
  'registryMirrors',
  'trust',
  'imagePullPolicy',
  'lifecycle',
  'hooks',
]);
const SECRET_KEYS = /^(credentials|credentialData|credentialsSecretRef|clientSecret|secretRef|secretKeyRef|secretName|imagePullSecrets|cloudProviderRef|tsig)$/;
const EXPOSURE_KEYS = /^(ingress|hostnames|publishDns|serviceType|advertise|externalIPs|loadBalancerSourceRanges|nodePort|hostPort|tls|zone|resolver)$/;
const REPLICA_KEYS = /^(replicas|autoscaling|minAvailable|minReplicas|maxReplicas|min|max|suspend|paused|parallelism|completions)$/;
const RESOURCE_KEYS = /^(limits|requests|instanceType|rootVolume|dataDisks|size|storage|gpu|capacity|maxPerWorkload)$/;
/** What a declared resource allows between workloads, or gives them (`lattice-crd/src/crd/workload/resources.rs`). */
const DECLARED_POLICY_KEYS = /^(type|direction|namespace|id|allowedConsumers|allowedServices|provider|dependsAll)$/;

const RBAC_KINDS: ReadonlySet<string> = new Set(['ServiceAccount', 'OIDCProvider', 'CertificateSigningRequest']);
const POLICY_KINDS: ReadonlySet<string> = new Set([
  'CedarPolicy',
  'LatticeQuota',
  'LatticeMeshMember',
  'NetworkPolicy',
  'CiliumNetworkPolicy',
  'CiliumClusterwideNetworkPolicy',
  'AuthorizationPolicy',
  'PeerAuthentication',
  'ResourceQuota',
  'LimitRange',
  'CustomResourceDefinition',
]);
const SECRET_KINDS: ReadonlySet<string> = new Set(['Secret', 'SecretProvider', 'ExternalSecret', 'ClusterSecretStore', 'SecretStore']);
/** Labels and annotations that switch policy on or off (lattice.md names: mesh mode, quota group, graph scope; Pod Security admission). */
const POLICY_LABELS =
  /^(istio\.io\/|security\.istio\.io\/|lattice\.dev\/(group|environment|owner)$|pod-security\.kubernetes\.io\/|admission\.|rbac\.authorization)/;

/** The class of a kind as a whole, when its every field has that class. */
function riskOfKind({ apiVersion, kind }: ResourceType): RiskClass | undefined {
  const group = groupOf(apiVersion);
  if (group === 'rbac.authorization.k8s.io' || RBAC_KINDS.has(kind)) return 'rbac';
  if (group === 'admissionregistration.k8s.io' || POLICY_KINDS.has(kind)) return 'policy';
  return SECRET_KINDS.has(kind) ? 'secret' : undefined;
}

/**
 * The class of one field: that of its kind, else the worst of what the keys on its path say, else `config`; labels and annotations are `cosmetic` save those
 * that steer policy. A whole value that differs is looked into, so a container that one side adds has the class of its image.
 */
export function riskOf(type: ResourceType, path: FieldPath, values: readonly (JsonValue | undefined)[]): RiskClass {
  if (path[0] === 'metadata') return metadataRisk(path, values);
  const ofKind = riskOfKind(type);
  if (ofKind !== undefined) return ofKind;
  const above = path.reduce<RiskClass>((risk, _key, index) => worseRisk(risk, keyRisk(type, path.slice(0, index + 1))), 'config');
  return values.reduce<RiskClass>((risk, value) => worseRisk(risk, riskInside(type, path, value)), above);
}

function metadataRisk(path: FieldPath, values: readonly (JsonValue | undefined)[]): RiskClass {
  const keys = path.length > 2 ? [path[2] ?? ''] : values.flatMap((value) => (isObject(value) ? Object.keys(value) : []));
  return keys.some((key) => POLICY_LABELS.test(key)) ? 'policy' : 'cosmetic';
}

function keyRisk(type: ResourceType, path: FieldPath): RiskClass {
  const key = path.at(-1) ?? '';
  if (PRIVILEGE_KEYS.has(key)) return 'privilege';
  if (isDeclaredResource(type, path) && DECLARED_POLICY_KEYS.test(key)) return 'policy';
  if (IMAGE_KEYS.has(key)) return 'image';
  if (SECRET_KEYS.test(key)) return 'secret';
  if (EXPOSURE_KEYS.test(key)) return 'exposure';
  if (REPLICA_KEYS.test(key)) return 'replicas';
  return RESOURCE_KEYS.test(key) ? 'resources' : 'config';
}

/** `…workload.resources.<name>.…` declares what a workload may reach; `…containers.<name>.resources` are amounts. */
function isDeclaredResource({ kind }: ResourceType, path: FieldPath): boolean {
  if (!isWorkloadKind(kind)) return false;
  return path.some((key, index) => key === 'resources' && (path[index - 1] ?? '').toLowerCase().endsWith('workload')) || path[1] === 'resources';
}

function riskInside(type: ResourceType, path: FieldPath, value: JsonValue | undefined): RiskClass {
  if (Array.isArray(value))
    return (value as readonly JsonValue[]).reduce<RiskClass>(
      (risk, item, index) => worseRisk(risk, riskInside(type, [...path, `[${index}]`], item)),
      'cosmetic',
    );
  if (!isObject(value)) return 'cosmetic';
  return Object.entries(value).reduce<RiskClass>((risk, [key, item]) => {
    const at = [...path, key];
    return worseRisk(risk, worseRisk(keyRisk(type, at), riskInside(type, at, item)));
  }, 'cosmetic');
}

/** The class of an object that only one side has: the worst of everything in it. */
export function riskOfObject(object: KubeObject): RiskClass {
  const { apiVersion, kind, metadata: _metadata, status: _status, ...body } = object;
  return riskOfKind({ apiVersion, kind }) ?? worseRisk('config', riskInside({ apiVersion, kind }, [], body as unknown as JsonValue));
}
