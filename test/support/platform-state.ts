import { digestOf } from '../../src/model/digest.ts';
import type { JsonObject, JsonValue } from '../../src/model/json.ts';
import { type KubeObject, type ResourceType, refKey, refOf } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';

/** What the platform made of the specs, besides the platform's own kinds. */
const DERIVED: readonly ResourceType[] = [
  { apiVersion: 'v1', kind: 'Namespace' },
  { apiVersion: 'v1', kind: 'Secret' },
  { apiVersion: 'v1', kind: 'Service' },
  { apiVersion: 'apps/v1', kind: 'Deployment' },
];

/** Written by servers and controllers, and different on every cluster. */
const VOLATILE = new Set(['uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields', 'ownerReferences', 'selfLink']);
/** Assigned by the server: addresses, and where a volume happens to be; and the platform's own note of which cluster it is on. */
const ASSIGNED = new Set(['clusterIP', 'clusterIPs', 'nodePort', 'healthCheckNodePort', 'volumeName', 'clusterName']);
/** On a Secret that the platform copies from its original. */
const COPIED = 'reconcile.external-secrets.io/managed';

/**
 * Every object of the platform's kinds, and what it derives from them, by key: desired state only, without what differs between two clusters that are
 * the same. Two of these are compared object by object.
 */
export async function platformState(cluster: KubeCluster, signal: AbortSignal): Promise<Readonly<Record<string, JsonObject>>> {
  const own = await cluster.resourcesOf('lattice.dev', signal);
  const types = [...own.map(({ apiVersion, kind }) => ({ apiVersion, kind })), ...DERIVED];
  const lists = await Promise.all(types.map(async (type) => (await cluster.list(type, { signal })) ?? []));
  const objects = lists.flat().filter((object) => !isOfTheCluster(object));
  return Object.fromEntries(objects.map((object) => [refKey(refOf(object)), withoutVolatile(object)] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Identities and credentials of one instance, which no two clusters share; and the Service that every API server makes for itself. */
function isOfTheCluster({ kind, metadata, ...rest }: KubeObject): boolean {
  if (kind === 'LatticeCluster' || metadata.namespace?.startsWith('capi-') === true || metadata.name.startsWith('capi-')) return true;
  if (kind === 'Service') return metadata.namespace === 'default' && metadata.name === 'kubernetes';
  if (kind !== 'Secret') return false;
  const type = String(rest['type'] ?? '');
  return /kubeconfig|lattice-ca|webhook|agent|bootstrap|-tls$/.test(metadata.name) || type.startsWith('kubernetes.io/service-account');
}

function withoutVolatile({ status: _status, metadata, ...rest }: KubeObject): JsonObject {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([name]) => !/restartedAt|deployment\.kubernetes\.io|last-applied/.test(name));
  const kept = Object.entries({ ...metadata, annotations: Object.fromEntries(annotations) }).filter(([name]) => !VOLATILE.has(name));
  const object = { ...(prune(rest as JsonValue) as JsonObject), metadata: prune(Object.fromEntries(kept) as JsonObject) };
  if (rest.kind === 'Deployment' && metadata.namespace === 'velero') return withoutPorts(object);
  return rest.kind === 'Secret' ? secretState(object, metadata.labels ?? {}) : object;
}

/** Velero's server of each lab cluster listens on ports of its own, which its Deployment says in arguments and probe. */
function withoutPorts(object: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(object)
      .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
      .replaceAll(/"port":\d+/g, '"port":0'),
  ) as JsonObject;
}

/**
 * Equal or not is all that is asked of a secret, and a failed comparison prints both sides: so a digest. A copy that two services ask for under one name
 * is that of the service which the platform compiled last, on any cluster and without any fault: of those only the existence counts.
 */
function secretState({ data, metadata, ...rest }: JsonObject, labels: Readonly<Record<string, string>>): JsonObject {
  if (labels[COPIED] === undefined) return { ...rest, metadata, data: digestOf(JSON.stringify(data ?? {})) };
  const { 'lattice.dev/service': _service, ...others } = labels;
  return { ...rest, metadata: { ...(metadata as JsonObject), labels: others } };
}

function prune(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(prune);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !ASSIGNED.has(name))
      .map(([name, inner]) => [name, prune(inner as JsonValue)]),
  );
}
