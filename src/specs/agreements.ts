import { type KubeObject, refKey, refOf } from '../model/kube-object.ts';
import { asList, asText, fieldAt, specOf } from './fields.ts';
import { declaredResources, workloadParts } from './profiles/workload.ts';
import { strongComponents } from './strong-components.ts';

/**
 * Two services of which at least one declares that the first calls the second. Traffic flows only when both declare it; neither waits for the other. To be
 * verified after all services are up.
 */
export interface Agreement {
  /** `namespace/name` of the service that calls. */
  readonly caller: string;
  /** `namespace/name` of the service that is called. */
  readonly callee: string;
  /**
   * `bilateral`: both sides say so. `caller-only`, `callee-only`: one side says so and the other is there and does not, so traffic is denied.
   * `peer-missing`: the other side is not in the set; it may live elsewhere.
   */
  readonly status: 'bilateral' | 'caller-only' | 'callee-only' | 'peer-missing';
  /** Fields that declare it. */
  readonly declaredIn: readonly string[];
}

/** A volume reference the owner does not allow: the platform will refuse the consumer. */
export interface VolumeDenial {
  readonly consumer: string;
  readonly owner: string;
  readonly volume: string;
  readonly field: string;
}

export interface Agreements {
  readonly agreements: readonly Agreement[];
  /** Services that can reach each other in a circle, two and more each, by `namespace/name`: they start together. */
  readonly peerGroups: readonly (readonly string[])[];
  readonly volumeDenials: readonly VolumeDenial[];
}

interface Peer {
  readonly name: string;
  readonly object: KubeObject;
  /** Callee to the field that declares it. */
  readonly calls: ReadonlyMap<string, string>;
  readonly allows: ReadonlyMap<string, string>;
  readonly callsAll: boolean;
  readonly allowsAll: boolean;
}

/**
 * Compares what services say about each other.
 *
 * @see evan-hines-js/lattice at 08fbacb, `lattice-graph/src/lib.rs`, get_active_inbound_edges
 */
export function agreementsOf(objects: readonly KubeObject[]): Agreements {
  const peers = new Map(objects.flatMap((object) => peerOf(object) ?? []).map((peer) => [peer.name, peer]));
  const agreements = new Map<string, Agreement>();
  for (const peer of peers.values()) {
    for (const [callee, field] of peer.calls) note(agreements, fromCaller(peer, callee, { field, peers }));
    for (const [caller, field] of peer.allows) note(agreements, fromCallee(peer, caller, { field, peers }));
  }
  const all = [...agreements.values()].sort((a, b) => compare(a.caller, b.caller) || compare(a.callee, b.callee));
  return { agreements: all, peerGroups: peerGroups([...peers.keys()], all), volumeDenials: volumeDenials(objects) };
}

function note(agreements: Map<string, Agreement>, found: Agreement): void {
  const key = `${found.caller} ${found.callee}`;
  const known = agreements.get(key);
  agreements.set(key, known === undefined ? found : { ...known, declaredIn: [...known.declaredIn, ...found.declaredIn] });
}

interface Declared {
  readonly field: string;
  readonly peers: ReadonlyMap<string, Peer>;
}

function fromCaller(caller: Peer, callee: string, { field, peers }: Declared): Agreement {
  const other = peers.get(callee);
  const status = other === undefined ? 'peer-missing' : other.allowsAll || other.allows.has(caller.name) ? 'bilateral' : 'caller-only';
  return { caller: caller.name, callee, status, declaredIn: [`${caller.object.kind} ${caller.name} ${field}`] };
}

function fromCallee(callee: Peer, caller: string, { field, peers }: Declared): Agreement {
  const other = peers.get(caller);
  const status = other === undefined ? 'peer-missing' : other.callsAll || other.calls.has(callee.name) ? 'bilateral' : 'callee-only';
  return { caller, callee: callee.name, status, declaredIn: [`${callee.object.kind} ${callee.name} ${field}`] };
}

function peerOf(object: KubeObject): Peer | undefined {
  const namespace = object.metadata.namespace ?? '';
  const name = `${namespace}/${object.metadata.name}`;
  if (object.kind === 'LatticeMeshMember') return meshMember(object, name, namespace);
  if (object.kind !== 'LatticeService' && object.kind !== 'LatticeModel' && object.kind !== 'LatticeJob') return undefined;
  const declared = workloadParts(object)
    .flatMap((part) => declaredResources(part, namespace))
    .filter((resource) => resource.type === 'service');
  const entries = (list: typeof declared): ReadonlyMap<string, string> =>
    new Map(list.filter((resource) => resource.name !== '*').map((resource) => [`${resource.namespace}/${resource.name}`, resource.path]));
  const outbound = declared.filter((resource) => resource.outbound);
  const inbound = declared.filter((resource) => resource.inbound);
  const isStar = (resource: (typeof declared)[number]): boolean => resource.name === '*';
  return { name, object, calls: entries(outbound), allows: entries(inbound), callsAll: outbound.some(isStar), allowsAll: inbound.some(isStar) };
}

function meshMember(object: KubeObject, name: string, namespace: string): Peer {
  const spec = specOf(object);
  const names = (field: string): ReadonlyMap<string, string> =>
    new Map(
      asList(spec[field]).flatMap((item, index) => {
        const other = asText(fieldAt(item, 'name'));
        return other === undefined || other === '*'
          ? []
          : [[`${asText(fieldAt(item, 'namespace')) ?? namespace}/${other}`, `spec.${field}[${index}]`] as const];
      }),
    );
  const allowsAll = asList(spec['allowedCallers']).some((caller) => fieldAt(caller, 'name') === '*');
  return { name, object, calls: names('dependencies'), allows: names('allowedCallers'), callsAll: spec['dependsAll'] === true, allowsAll };
}

function peerGroups(names: readonly string[], agreements: readonly Agreement[]): readonly (readonly string[])[] {
  const vertex = new Map(names.map((name, index) => [name, index]));
  const edges: number[][] = names.map(() => []);
  for (const { caller, callee } of agreements) {
    const to = vertex.get(callee);
    if (to !== undefined) edges[vertex.get(caller) ?? -1]?.push(to);
  }
  const groups = strongComponents(edges).filter((component) => component.length > 1);
  return groups.map((component) => component.map((index) => names[index] ?? '').sort()).sort((a, b) => compare(a[0] ?? '', b[0] ?? ''));
}

/** References to shared volumes whose owner does not list the consumer (`lattice-workload/src/authorization/volumes.rs`; default deny). */
function volumeDenials(objects: readonly KubeObject[]): readonly VolumeDenial[] {
  const volumes = objects.flatMap((object) => volumesOf(object));
  const owners = new Map(volumes.filter((volume) => volume.owned).map((volume) => [`${volume.namespace}/${volume.id}`, volume]));
  return volumes.flatMap((volume) => {
    const owner = owners.get(`${volume.namespace}/${volume.id}`);
    if (volume.owned || owner === undefined || isConsumer(owner, volume.object)) return [];
    return [{ consumer: refKey(refOf(volume.object)), owner: refKey(refOf(owner.object)), volume: volume.id, field: volume.path }];
  });
}

interface Volume {
  readonly object: KubeObject;
  readonly namespace: string;
  readonly id: string;
  readonly path: string;
  readonly owned: boolean;
  readonly consumers: readonly unknown[];
}

function volumesOf(object: KubeObject): readonly Volume[] {
  const own = object.metadata.namespace ?? '';
  return workloadParts(object).flatMap((part) =>
    declaredResources(part, own).flatMap(({ type, id, path, namespace, params }): Volume[] => {
      if (type !== 'volume' || id === undefined) return [];
      const owned = params['size'] !== undefined;
      return [{ object, namespace: owned ? own : namespace, id, path, owned, consumers: asList(params['allowedConsumers']) }];
    }),
  );
}

function isConsumer(owner: Volume, consumer: KubeObject): boolean {
  const { name, namespace } = consumer.metadata;
  if (owner.object.metadata.name === name && owner.namespace === namespace) return true;
  return owner.consumers.includes(`${namespace}/${name}`) || (namespace === owner.namespace && owner.consumers.includes(name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
