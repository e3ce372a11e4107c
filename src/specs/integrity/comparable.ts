import { isObject, type JsonObject, type JsonValue } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { asText, fieldAt, specOf } from '../fields.ts';
import { cleanForRestore } from '../hygiene.ts';
import { type Schemas, withDefaults } from './schema-defaults.ts';

/** What makes objects of different origin comparable. */
export interface ComparableOptions {
  readonly schemas: Schemas;
  readonly operatorAnnotations: ReadonlySet<string>;
}

/** Labels and annotations that say who keeps an object, or that a server puts there: not part of what it is. */
const KEEPER =
  /^(kubectl\.kubernetes\.io|velero\.io|kustomize\.toolkit\.fluxcd\.io|helm\.toolkit\.fluxcd\.io|argocd\.argoproj\.io|meta\.helm\.sh|dr\.lattice\.dev)\//;
const KEEPER_KEYS: ReadonlySet<string> = new Set(['kubernetes.io/metadata.name', 'app.kubernetes.io/instance', 'deployment.kubernetes.io/revision']);

/**
 * An object as it is compared: without what a server, an operator or a keeper writes, with the defaults of its schema, without what is empty. A copy of one
 * object looks the same from git, a backup and a live cluster.
 */
export function comparable(object: KubeObject, { schemas, operatorAnnotations }: ComparableOptions): JsonObject {
  const { metadata, apiVersion: _version, kind: _kind, ...body } = cleanForRestore(object, operatorAnnotations).object;
  const schema = schemas.of(object);
  const filled = schema === undefined ? body : withDefaults(body as JsonObject, schema);
  const { status: _status, ...desired } = filled as JsonObject;
  // Both maps are always there, so that their keys are compared one by one.
  return {
    metadata: { labels: owned(metadata.labels), annotations: owned(metadata.annotations) },
    ...((withoutEmpty(textData(object, desired)) ?? {}) as JsonObject),
  };
}

function owned(map: Readonly<Record<string, string>> | undefined): JsonObject {
  return Object.fromEntries(Object.entries(map ?? {}).filter(([key]) => !KEEPER.test(key) && !KEEPER_KEYS.has(key)));
}

/** A server writes `stringData` of a Secret as `data`. */
function textData({ kind }: KubeObject, body: JsonObject): JsonObject {
  const { stringData, ...rest } = body;
  if (kind !== 'Secret' || !isObject(stringData)) return body;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value), 'utf8').toString('base64')] as const);
  return { ...rest, data: { ...(isObject(rest['data']) ? rest['data'] : {}), ...Object.fromEntries(encoded) } };
}

/** Maps without nulls, empty maps and empty lists: a server may drop them or not. What is in a list stays, since its place means something. */
function withoutEmpty(value: JsonValue | undefined): JsonValue | undefined {
  if (value === null) return undefined;
  if (Array.isArray(value)) {
    const items = (value as readonly JsonValue[]).map((item) => (isObject(item) ? ((withoutEmpty(item) ?? {}) as JsonValue) : item));
    return items.length === 0 ? undefined : items;
  }
  if (!isObject(value)) return value;
  const kept = Object.entries(value).flatMap(([key, item]) => {
    const next = withoutEmpty(item);
    return next === undefined ? [] : [[key, next] as const];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** Keys of the workloads whose number of replicas is an autoscaler's: a HorizontalPodAutoscaler or a KEDA ScaledObject names them. */
export function scaledByOthers(objects: readonly KubeObject[]): ReadonlySet<string> {
  return new Set(
    objects.flatMap((object) => {
      if (object.kind !== 'HorizontalPodAutoscaler' && object.kind !== 'ScaledObject') return [];
      const target = fieldAt(object.spec, 'scaleTargetRef');
      const kind = asText(fieldAt(target, 'kind')) ?? 'Deployment';
      return [`${kind} ${object.metadata.namespace ?? ''}/${asText(fieldAt(target, 'name')) ?? ''}`];
    }),
  );
}

/** Whether somebody else than the spec's writer decides how many replicas an object has; the number in the spec then means nothing. */
export function isAutoscaled(object: KubeObject, scaled: ReadonlySet<string>): boolean {
  return specOf(object)['autoscaling'] !== undefined || scaled.has(`${object.kind} ${object.metadata.namespace ?? ''}/${object.metadata.name}`);
}
