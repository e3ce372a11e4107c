import { isObject, type JsonObject } from '../model/json.ts';
import { REGISTRY, valueKind } from './registry.ts';

/** Cluster API's Clusters, which are custom resources: JSON in etcd, unless they are encrypted at rest. */
export const CAPI_CLUSTERS = `${REGISTRY}cluster.x-k8s.io/clusters/`;

/**
 * Where API servers say that they live, to be in the endpoints of the service `kubernetes` (kube-apiserver `reconcilers/lease.go`). Those of dead ones must
 * not come back; living ones write theirs every ten seconds.
 */
export const MASTER_LEASES = `${REGISTRY}masterleases/`;

/** Key that marks an etcd as brought up by a run. It is outside of what API servers read. */
export function markerKey(run: string): string {
  return `/lattice-dr/${run}`;
}

/** What pausing a Cluster in the data comes to. */
export type Paused =
  /** What to write; its controllers leave the Cluster alone once they read it. */
  | { readonly state: 'running'; readonly paused: Uint8Array }
  | { readonly state: 'paused' }
  /** It cannot be read here: encrypted, or no JSON. */
  | { readonly state: 'unreadable' };

/**
 * Sets `spec.paused` of a Cluster as it is in etcd. Controllers that come up beside a restored API server otherwise act on Machines of the past: Cluster API
 * 1.12 removes every etcd member it has no Machine for (`controlplane/kubeadm/internal/controllers`, `reconcileEtcdMembers`).
 */
export function pauseCluster(value: Uint8Array): Paused {
  const object = valueKind(value).form === 'json' ? parseExactly(value) : undefined;
  const spec = isObject(object) ? (object['spec'] ?? {}) : undefined;
  if (!isObject(object) || !isObject(spec) || isRawJSON(spec)) return { state: 'unreadable' };
  if (spec['paused'] === true) return { state: 'paused' };
  // The server writes a line feed behind each object; so it stays one of its own.
  return { state: 'running', paused: Buffer.from(`${JSON.stringify({ ...object, spec: { ...spec, paused: true } })}\n`) };
}

interface NumberText {
  readonly source: string;
}

/** `JSON.rawJSON` (ECMAScript proposal JSON.parse source text access) is not in TypeScript's library yet. */
const { rawJSON, isRawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown; readonly isRawJSON: (value: unknown) => boolean };

/** Numbers stay the text they were: an integer of 64 bits would come back rounded. */
function parseExactly(value: Uint8Array): unknown {
  const keepNumbers = (_key: string, item: unknown, { source }: NumberText): unknown => (typeof item === 'number' ? rawJSON(source) : item);
  try {
    return JSON.parse(Buffer.from(value).toString(), keepNumbers as (key: string, item: unknown) => unknown) as JsonObject;
  } catch {
    return undefined;
  }
}

/** A lease that nothing of the registry depends on: without keys, or of API servers that are gone. Events keep theirs; it ends them in an hour. */
export function isStaleLease({ keys }: { readonly keys: readonly string[] }): boolean {
  return keys.every((key) => key.startsWith(MASTER_LEASES));
}
