import type { KubeObject } from '../../../src/model/kube-object.ts';
import type { JsonObject } from '../../../src/model/json.ts';
import type { ManifestObject } from '../../../src/specs/manifest.ts';
import { refKey, refOf } from '../../../src/model/kube-object.ts';
import { classify, type Classification } from '../../../src/specs/classify.ts';
import { applyGraph, type ApplyGraph } from '../../../src/specs/dependencies.ts';
import { LATTICE_PROFILE } from '../../../src/specs/profiles/lattice.ts';
import type { DependencyInput } from '../../../src/specs/resolve-references.ts';

/** Builders for tests: the smallest objects that mean something. */

/** An object of the platform; an empty namespace means cluster-scoped. */
export function lattice(kind: string, name: string, spec: JsonObject = {}, namespace = 'lattice-system'): KubeObject {
  return { apiVersion: 'lattice.dev/v1alpha1', kind, metadata: { name, ...(namespace === '' ? {} : { namespace }) }, spec };
}

export function service(place: string, resources: JsonObject = {}, rest: JsonObject = {}): KubeObject {
  const [namespace = '', name = ''] = place.split('/');
  const containers = { main: { image: 'registry.example.com/app:1', command: ['/app'] } };
  return lattice('LatticeService', name, { workload: { containers, resources }, ...rest }, namespace);
}

export function core(kind: string, name: string, namespace?: string, rest: JsonObject = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...rest };
}

export function apps(kind: string, name: string, spec: JsonObject, namespace = 'shop'): KubeObject {
  return { apiVersion: 'apps/v1', kind, metadata: { name, namespace }, spec };
}

export function manifest(object: KubeObject, line = 1): ManifestObject {
  return { object, key: refKey(refOf(object)), source: { file: 'specs.yaml', index: 0, line } };
}

export function classified(objects: readonly KubeObject[]): Classification {
  return classify(objects.map((object) => manifest(object)), { profile: LATTICE_PROFILE, cluster: 'workload', hasParent: true });
}

export function graphOf(objects: readonly KubeObject[], more: Partial<DependencyInput> = {}): ApplyGraph {
  return applyGraph({ ...classified(objects), profile: LATTICE_PROFILE, ...more });
}

/** Needs of the node that applies an object, by id. */
export function needsOf(graph: ApplyGraph, key: string): readonly string[] {
  const node = graph.nodes.find(({ kind, objects }) => kind === 'apply' && objects.some((item) => item.key === key));
  return node?.needs.toSorted() ?? [`no node applies ${key}`];
}
