import { isObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import { groupOf, type KubeObject, type ResourceType } from '../../model/kube-object.ts';
import { asObject, asText, fieldAt } from '../fields.ts';
import { schemaOf } from '../prune.ts';

/** Schemas of custom kinds by group, version and kind. */
export interface Schemas {
  /** `undefined` for a kind that none of the CRDs declares. */
  of(type: ResourceType): JsonObject | undefined;
}

/** Schemas of several sets of CRDs; a kind is taken from the first set that has it, so the most trusted source comes first. */
export function schemasOf(...sources: readonly (readonly KubeObject[])[]): Schemas {
  const crds = new Map<string, KubeObject>();
  for (const crd of sources.flat()) {
    const key = `${asText(fieldAt(crd.spec, 'group')) ?? ''}/${asText(fieldAt(crd.spec, 'names', 'kind')) ?? ''}`;
    if (crd.kind === 'CustomResourceDefinition' && !crds.has(key)) crds.set(key, crd);
  }
  return {
    of({ apiVersion, kind }) {
      const crd = crds.get(`${groupOf(apiVersion)}/${kind}`);
      return crd === undefined ? undefined : schemaOf(crd, apiVersion.slice(apiVersion.indexOf('/') + 1));
    },
  };
}

/**
 * Fills in what a server fills in by the schema: the default of every field that is missing, or null where null is not allowed, at every depth that exists.
 *
 * @see kubernetes v1.36 `apiextensions-apiserver/pkg/apiserver/schema/defaulting/algorithm.go`, Default and PruneNonNullableNullsWithoutDefaults
 */
export function withDefaults(value: JsonValue, schema: JsonObject): JsonValue {
  if (Array.isArray(value)) {
    const { items } = schema;
    return isObject(items) ? (value as readonly JsonValue[]).map((item) => withDefaults(item, items)) : value;
  }
  if (!isObject(value)) return value;
  const properties = asObject(schema['properties']);
  const filled: Record<string, JsonValue | undefined> = { ...value };
  for (const [key, property] of Object.entries(properties)) {
    const fallback = fieldAt(property, 'default');
    const isMissing = filled[key] === undefined || (filled[key] === null && fieldAt(property, 'nullable') !== true);
    if (isMissing && fallback !== undefined) filled[key] = fallback;
  }
  const additional = schema['additionalProperties'];
  for (const [key, item] of Object.entries(filled)) {
    const inner = properties[key] ?? additional;
    if (item !== undefined && isObject(inner)) filled[key] = withDefaults(item, inner);
  }
  return filled;
}
