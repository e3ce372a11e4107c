import type { FieldDiff } from '../model/change.ts';
import { isObject, type JsonValue } from '../model/json.ts';
import { groupOf, type KubeObject, refKey, refOf } from '../model/kube-object.ts';
import { type ClassifyOptions, dispositionOf } from './classify.ts';
import { diffObjects } from './diff.ts';
import { asObject } from './fields.ts';
import { cleanForRestore } from './hygiene.ts';
import type { ManifestObject } from './manifest.ts';
import { LATTICE_GROUP } from './profiles/lattice-names.ts';

/** What a live cluster holds that one commit of git does not, and the other way round. */
export interface SpecDifferences {
  /** On the cluster and not in git: a rebuild from this commit does not bring it back. By `refKey`, sorted. */
  readonly onlyOnCluster: readonly string[];
  /** In both, with other values. */
  readonly differing: readonly { readonly key: string; readonly diffs: readonly FieldDiff[] }[];
  /** In git and not on the cluster. */
  readonly onlyInGit: readonly string[];
}

/**
 * Compares the platform's objects of a live cluster with those of git. What an operator makes by itself, what comes from the parent and what is never
 * restored is left out on both sides, and what the parent hands down (`handedDown`, by `refKey`) on the cluster's: its loss is none.
 */
export function specDifferences(
  live: readonly KubeObject[],
  manifests: readonly ManifestObject[],
  options: ClassifyOptions & { readonly handedDown: ReadonlySet<string> },
): SpecDifferences {
  const matters = (object: KubeObject): boolean => groupOf(object.apiVersion) === LATTICE_GROUP && dispositionOf(object, options).action !== 'skip';
  const desired = new Map(manifests.filter(({ object }) => matters(object)).map(({ key, object }) => [key, object]));
  const found = new Map(live.filter(matters).map((object) => [refKey(refOf(object)), object]));
  const differing = [...found].flatMap(([key, object]) => {
    const wanted = desired.get(key);
    const diffs = wanted === undefined ? [] : diffObjects(object, wanted);
    return diffs.length === 0 ? [] : [{ key, diffs }];
  });
  return {
    onlyOnCluster: [...found.keys()].filter((key) => !desired.has(key) && !options.handedDown.has(key)).sort(),
    differing: differing.sort((a, b) => (a.key < b.key ? -1 : 1)),
    onlyInGit: [...desired.keys()].filter((key) => !found.has(key)).sort(),
  };
}

/** Fields of a LatticeCluster's status that are credentials (lattice-crd/src/crd/cluster.rs). */
const STATUS_SECRETS: ReadonlySet<string> = new Set(['bootstrapToken', 'csrTokenHash']);

/**
 * A platform object as it may be kept in plain text and applied again. A LatticeCluster keeps its status, without its tokens: of a child that lives on it
 * is load-bearing, and applied without it the child would be provisioned twice (lattice-cluster/src/controller/mod.rs).
 */
export function salvagedSpec(object: KubeObject, operatorAnnotations: ReadonlySet<string>): KubeObject {
  const { object: cleaned } = cleanForRestore(object, operatorAnnotations);
  if (object.kind !== 'LatticeCluster' || object.status === undefined) return cleaned;
  return { ...cleaned, status: Object.fromEntries(Object.entries(object.status).filter(([key]) => !STATUS_SECRETS.has(key))) };
}

/** Fields of Cluster API objects that hold credentials: join tokens, files and user data of machines, keys (cluster-api `KubeadmConfigSpec`). */
const CAPI_SECRETS = /^(token|bootstrapToken|certificateKey|password|passwd|content|contents|data|userData|sshAuthorizedKeys|stringData)$/;
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** A Cluster API object as it may be kept in plain text: identity, owners and status stay, since adopting machines needs them; credentials go. */
export function redactedCapi(object: KubeObject): KubeObject {
  const { managedFields: _managed, annotations, ...metadata } = object.metadata;
  const kept = Object.fromEntries(Object.entries(annotations ?? {}).filter(([key]) => key !== LAST_APPLIED));
  const body = redacted({ ...object, metadata: {} }) as unknown as KubeObject;
  return { ...body, metadata: annotations === undefined ? metadata : { ...metadata, annotations: kept } };
}

function redacted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(redacted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(asObject(value)).map(([key, inner]) => {
      if (inner === undefined || typeof inner === 'boolean') return [key, inner];
      return [key, CAPI_SECRETS.test(key) ? '[redacted]' : redacted(inner)];
    }),
  );
}
