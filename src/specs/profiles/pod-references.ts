import type { JsonObject, JsonValue } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { asList, asObject, asText, fieldAt, joinPath } from '../fields.ts';
import type { Reference } from '../references.ts';

/** Where the pod template of each kind is. */
const POD_SPEC: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};
const TEMPLATE_SPEC = ['spec', 'template', 'spec'];

interface Use {
  readonly kind: string;
  readonly name: JsonValue | undefined;
  readonly field: string;
  readonly optional?: boolean;
}

/**
 * ConfigMaps, Secrets, claims and accounts that a pod template names. Kubernetes would start the pod later by itself; in order it starts at once.
 *
 * @see kubernetes v1.36 `pkg/api/v1/pod/util.go`, VisitPodSecretNames and VisitPodConfigmapNames
 */
export function podReferences(object: KubeObject): readonly Reference[] {
  const path = POD_SPEC[object.kind] ?? TEMPLATE_SPEC;
  const spec = asObject(fieldAt(object, ...path));
  const at = path.join('.');
  const uses = [
    ...asList(spec['volumes']).flatMap((volume, index) => volumeUses(asObject(volume), joinPath(`${at}.volumes`, index))),
    ...['containers', 'initContainers'].flatMap((list) =>
      asList(spec[list]).flatMap((container, index) => containerUses(asObject(container), joinPath(`${at}.${list}`, index))),
    ),
    ...asList(spec['imagePullSecrets']).map(
      (item, index): Use => ({
        kind: 'Secret',
        name: fieldAt(item, 'name'),
        field: `${joinPath(`${at}.imagePullSecrets`, index)}.name`,
        optional: true,
      }),
    ),
  ];
  const references = uses.flatMap((use) => toReference(use, object.metadata.namespace ?? 'default'));
  return [...references, ...accountReference(spec, at, object.metadata.namespace ?? 'default')];
}

function accountReference(spec: JsonObject, at: string, namespace: string): readonly Reference[] {
  const name = asText(spec['serviceAccountName']);
  if (name === undefined || name === 'default') return [];
  return toReference({ kind: 'ServiceAccount', name, field: `${at}.serviceAccountName` }, namespace);
}

function volumeUses(volume: JsonObject, at: string): readonly Use[] {
  const sources = asList(fieldAt(volume, 'projected', 'sources')).flatMap((source, index) => [
    use('ConfigMap', fieldAt(source, 'configMap'), `${joinPath(`${at}.projected.sources`, index)}.configMap.name`),
    use('Secret', fieldAt(source, 'secret'), `${joinPath(`${at}.projected.sources`, index)}.secret.name`),
  ]);
  return [
    use('ConfigMap', volume['configMap'], `${at}.configMap.name`),
    use('Secret', volume['secret'], `${at}.secret.secretName`),
    use('PersistentVolumeClaim', volume['persistentVolumeClaim'], `${at}.persistentVolumeClaim.claimName`),
    ...sources,
  ];
}

function containerUses(container: JsonObject, at: string): readonly Use[] {
  const whole = asList(container['envFrom']).flatMap((source, index) => [
    use('ConfigMap', fieldAt(source, 'configMapRef'), `${joinPath(`${at}.envFrom`, index)}.configMapRef.name`),
    use('Secret', fieldAt(source, 'secretRef'), `${joinPath(`${at}.envFrom`, index)}.secretRef.name`),
  ]);
  const single = asList(container['env']).flatMap((variable, index) => [
    use('ConfigMap', fieldAt(variable, 'valueFrom', 'configMapKeyRef'), `${joinPath(`${at}.env`, index)}.valueFrom.configMapKeyRef.name`),
    use('Secret', fieldAt(variable, 'valueFrom', 'secretKeyRef'), `${joinPath(`${at}.env`, index)}.valueFrom.secretKeyRef.name`),
  ]);
  return [...whole, ...single];
}

/** `field` ends with the key of `source` that holds the name. */
function use(kind: string, source: JsonValue | undefined, field: string): Use {
  const key = field.slice(field.lastIndexOf('.') + 1);
  return { kind, name: fieldAt(source, key), field, optional: fieldAt(source, 'optional') === true };
}

function toReference(item: Use, namespace: string): readonly Reference[] {
  const name = asText(item.name);
  if (name === undefined) return [];
  const target = { group: '', kind: item.kind, namespace, name };
  return [{ field: item.field, target, wait: 'applied', reason: 'the pod cannot start without it', need: item.optional === true ? 'optional' : 'required' }];
}
