import type { JsonObject } from '../model/json.ts';
import { groupOf, type KubeObject, type OwnerReference, refKey, refOf } from '../model/kube-object.ts';
import { asText, fieldAt } from './fields.ts';
import { isCapi } from './profiles/kubernetes-dispositions.ts';

/** One object of an export: who it is, whose it is, and when it comes. */
export interface CapiNode {
  /** By `refKey`. */
  readonly key: string;
  readonly apiVersion: string;
  /** On the cluster it was read from: what owner references of others name. */
  readonly uid: string;
  /** Its owners by kind and name, with the UIDs they had; an import looks up the UID that the owner has by then. */
  readonly owners: readonly { readonly key: string; readonly uid: string; readonly isController: boolean }[];
  /** 0 for those without an owner; each object comes after all its owners. */
  readonly level: number;
}

/** Cluster API objects of one cluster, in the order in which they can be created. */
export interface CapiExport {
  readonly nodes: readonly CapiNode[];
  /** As they are to be created: paused, without what belongs to the old API server; in the order of `nodes`. */
  readonly objects: readonly KubeObject[];
  /** The Cluster was paused when it was read. */
  readonly wasPaused: boolean;
  /** What an import would stumble over. */
  readonly findings: readonly string[];
}

/** The UID an object had, as the platform's own move notes it (`lattice-move/src/*`). */
const SOURCE_UID = 'lattice.dev/source-uid';
const CLUSTER_NAME = 'cluster.x-k8s.io/cluster-name';
const PAUSED = 'cluster.x-k8s.io/paused';
/** Labels by which a provider has an object moved that nobody owns (cluster-api `cmd/clusterctl/api/v1alpha3/labels.go`). */
const MOVED = ['clusterctl.cluster.x-k8s.io/move', 'clusterctl.cluster.x-k8s.io/move-hierarchy'];

/**
 * Orders the Cluster API objects of a cluster by who owns whom, as `clusterctl move` does: everything that the Cluster owns, directly or not, what carries its
 * name, its Secrets, what is labelled to be moved, and the owners of all these. `undefined` when there is no Cluster of that name.
 *
 * @see cluster-api v1.12 `cmd/clusterctl/client/cluster/{mover,objectgraph}.go`; evan-hines-js/lattice at 08fbacb, `lattice-move/src/*`
 */
export function capiExport(found: readonly KubeObject[], cluster: string): CapiExport | undefined {
  const byUid = new Map(found.map((object) => [object.metadata.uid ?? '', object]));
  const root = found.find((object) => object.kind === 'Cluster' && groupOf(object.apiVersion) === 'cluster.x-k8s.io' && object.metadata.name === cluster);
  if (root === undefined) return undefined;
  const chosen = choose(found, { root, byUid, cluster });
  const levels = levelsOf(chosen, byUid);
  const ordered = chosen.toSorted((a, b) => (levels.get(a) ?? 0) - (levels.get(b) ?? 0) || (keyOf(a) < keyOf(b) ? -1 : 1));
  return {
    nodes: ordered.map((object) => nodeOf(object, levels.get(object) ?? 0)),
    objects: ordered.map(exported),
    wasPaused: fieldAt(root.spec, 'paused') === true,
    findings: [...pauseFinding(root), ...ordered.flatMap((object) => findingsOf(object, byUid))],
  };
}

function keyOf(object: KubeObject): string {
  return refKey(refOf(object));
}

interface Choice {
  readonly root: KubeObject;
  readonly byUid: ReadonlyMap<string, KubeObject>;
  readonly cluster: string;
}

function choose(found: readonly KubeObject[], { root, byUid, cluster }: Choice): readonly KubeObject[] {
  const chosen = new Set([root, ...found.filter((object) => belongs(object, cluster))]);
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size;
    for (const object of found) if (ownersOf(object).some(({ uid }) => isChosen(chosen, byUid.get(uid)))) chosen.add(object);
    // A set that grows while it is gone through shows what came to it.
    for (const object of chosen) for (const { uid } of ownersOf(object)) addOwner(chosen, byUid.get(uid));
  }
  return [...chosen];
}

function isChosen(chosen: ReadonlySet<KubeObject>, owner: KubeObject | undefined): boolean {
  return owner !== undefined && chosen.has(owner);
}

/** An owner outside of Cluster API (a LatticeCluster) is not exported; the reference to it is told. */
function addOwner(chosen: Set<KubeObject>, owner: KubeObject | undefined): void {
  if (owner !== undefined && isCapi(groupOf(owner.apiVersion))) chosen.add(owner);
}

function ownersOf({ metadata }: KubeObject): readonly OwnerReference[] {
  return metadata.ownerReferences ?? [];
}

function belongs({ kind, metadata }: KubeObject, cluster: string): boolean {
  const labels = metadata.labels ?? {};
  if (labels[CLUSTER_NAME] === cluster || MOVED.some((label) => labels[label] !== undefined)) return true;
  return kind === 'Secret' && ['kubeconfig', 'ca', 'etcd', 'sa', 'proxy'].some((suffix) => metadata.name === `${cluster}-${suffix}`);
}

/** The level of every object; those that own each other in a circle all get the last one. */
function levelsOf(chosen: readonly KubeObject[], byUid: ReadonlyMap<string, KubeObject>): ReadonlyMap<KubeObject, number> {
  const inside = new Set(chosen);
  const levels = new Map<KubeObject, number>();
  for (let level = 0; levels.size < chosen.length; level += 1) {
    const owners = (object: KubeObject): readonly KubeObject[] => ownersOf(object).flatMap(({ uid }) => byUid.get(uid) ?? []);
    const free = chosen.filter((object) => !levels.has(object) && owners(object).every((owner) => !inside.has(owner) || levels.has(owner)));
    for (const object of free.length === 0 ? chosen.filter((one) => !levels.has(one)) : free) levels.set(object, level);
  }
  return levels;
}

function nodeOf(object: KubeObject, level: number): CapiNode {
  const { namespace } = object.metadata;
  const inPlace = namespace === undefined ? {} : { namespace };
  return {
    key: keyOf(object),
    apiVersion: object.apiVersion,
    uid: object.metadata.uid ?? '',
    owners: ownersOf(object).map(({ apiVersion, kind, name, uid, controller }) => ({
      key: refKey({ apiVersion, kind, name, ...inPlace }),
      uid,
      isController: controller === true,
    })),
    level,
  };
}

/** Without status, which is never moved, and without what the API server gives; paused, so that nothing acts before all of it is there. */
function exported({ status: _status, ...object }: KubeObject): KubeObject {
  const { uid, resourceVersion: _version, generation: _generation, creationTimestamp: _created, managedFields: _managed, ...metadata } = object.metadata;
  const isClass = object.kind === 'ClusterClass';
  const annotations = { ...metadata.annotations, [SOURCE_UID]: uid ?? '', ...(isClass ? { [PAUSED]: 'true' } : {}) };
  const spec = object.kind === 'Cluster' && isCapi(groupOf(object.apiVersion)) ? { spec: { ...(object.spec as JsonObject), paused: true } } : {};
  return { ...object, ...spec, metadata: { ...metadata, annotations } };
}

function pauseFinding(root: KubeObject): readonly string[] {
  if (fieldAt(root.spec, 'paused') !== true) return [];
  return [`${keyOf(root)} is paused already: a move or a restore was cut off, and nothing reconciles its machines until somebody sets spec.paused to false`];
}

function findingsOf(object: KubeObject, byUid: ReadonlyMap<string, KubeObject>): readonly string[] {
  const key = keyOf(object);
  const lost = ownersOf(object).filter(({ uid }) => !byUid.has(uid));
  const isMachine = object.kind === 'Machine' && groupOf(object.apiVersion) === 'cluster.x-k8s.io';
  return [
    ...lost.map(({ kind, name }) => `${key} names owner ${kind} ${name}, which was not read: an import cannot give it back to its owner`),
    ...(isMachine && asText(fieldAt(object.spec, 'providerID')) === undefined ? [`${key} has no providerID: no living machine can be adopted by it`] : []),
    ...(isMachine && fieldAt(object.status, 'nodeRef') === undefined ? [`${key} has no node yet: a move would refuse it`] : []),
  ];
}
