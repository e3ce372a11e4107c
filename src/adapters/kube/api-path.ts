import { DrError } from '../../errors/dr-error.ts';
import { groupOf, type ObjectRef } from '../../model/kube-object.ts';
import type { ServedResource } from '../../ports/kube-cluster.ts';

/** Root of a group-version: `/api/v1` or `/apis/<group>/<version>`. */
export function groupVersionPath(apiVersion: string): string {
  return groupOf(apiVersion) === '' ? `/api/${apiVersion}` : `/apis/${apiVersion}`;
}

/** Path of all objects of a type, in one namespace or in all. */
export function collectionPath(resource: ServedResource, namespace?: string): string {
  const root = groupVersionPath(resource.apiVersion);
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

/**
 * Path of one object. Names are kept as they are (RBAC names may hold capitals and colons). Throws `INPUT_INVALID` for a namespaced object without a
 * namespace: guessing `default` would put it where nobody looks.
 */
export function objectPath(resource: ServedResource, ref: ObjectRef): string {
  return `${collectionPath(resource, requiredNamespace(resource, ref))}/${encodeURIComponent(ref.name)}`;
}

/** Path to create an object at; same rule on namespaces as `objectPath`. */
export function creationPath(resource: ServedResource, ref: ObjectRef): string {
  return collectionPath(resource, requiredNamespace(resource, ref));
}

function requiredNamespace(resource: ServedResource, ref: ObjectRef): string | undefined {
  if (!resource.namespaced || ref.namespace !== undefined) return ref.namespace;
  throw new DrError({
    code: 'INPUT_INVALID',
    message: `${ref.kind} ${ref.name} (${ref.apiVersion}) has no namespace, and its kind is namespaced`,
    suggestions: ['set metadata.namespace in the spec'],
  });
}

/** Query string of the defined values, with its question mark; empty if none. */
export function queryString(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) query.set(key, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}
