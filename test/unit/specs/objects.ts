import type { JsonObject } from '../../../src/model/json.ts';
import type { KubeObject } from '../../../src/model/kube-object.ts';
import { refKey, refOf } from '../../../src/model/kube-object.ts';
import { type Classification, classify } from '../../../src/specs/classify.ts';
import { type ApplyGraph, applyGraph } from '../../../src/specs/dependencies.ts';
import type { ManifestObject } from '../../../src/specs/manifest.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import type { DependencyInput } from '../../../src/specs/resolve-references.ts';

/** Builders for tests: the smallest objects that mean something. */

/** `name`, `namespace/name`, or `/name` for a cluster-scoped object. */
function metadataOf(place: string, namespaceElse: string): KubeObject['metadata'] {
  const [first = '', second] = place.split('/');
  const namespace = second === undefined ? namespaceElse : first;
  return { name: second ?? first, ...(namespace === '' ? {} : { namespace }) };
}

/** An object of the platform; in `lattice-system` unless the place says otherwise. */
export function lattice(kind: string, place: string, spec: JsonObject = {}): KubeObject {
  return { apiVersion: 'lattice.dev/v1alpha1', kind, metadata: metadataOf(place, 'lattice-system'), spec };
}

export function service(place: string, resources: JsonObject = {}, rest: JsonObject = {}): KubeObject {
  const containers = { main: { image: 'registry.example.com/app:1', command: ['/app'] } };
  return lattice('LatticeService', place, { workload: { containers, resources }, ...rest });
}

export function core(kind: string, place: string, rest: JsonObject = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata: metadataOf(place, ''), ...rest };
}

export function apps(kind: string, place: string, spec: JsonObject): KubeObject {
  return { apiVersion: 'apps/v1', kind, metadata: metadataOf(place, 'shop'), spec };
}

export function manifest(object: KubeObject, line = 1): ManifestObject {
  return { object, key: refKey(refOf(object)), source: { file: 'specs.yaml', index: 0, line } };
}

export function classified(objects: readonly KubeObject[]): Classification {
  return classify(
    objects.map((object) => manifest(object)),
    { profile: LATTICE_PROFILE, cluster: 'workload', hasParent: true },
  );
}

export function graphOf(objects: readonly KubeObject[], more: Partial<DependencyInput> = {}): ApplyGraph {
  return applyGraph({ ...classified(objects), profile: LATTICE_PROFILE, ...more });
}

/** Needs of the node that applies an object, by id. */
export function needsOf(graph: ApplyGraph, key: string): readonly string[] {
  const node = graph.nodes.find(({ kind, objects }) => kind === 'apply' && objects.some((item) => item.key === key));
  return node?.needs.toSorted() ?? [`no node applies ${key}`];
}
