import type { KubeObject } from '../../model/kube-object.ts';
import { groupOf } from '../../model/kube-object.ts';
import { asList, asText, fieldAt, joinPath, specOf } from '../fields.ts';
import type { Reference } from '../references.ts';

/** A claim's class and volume; both usually exist on the cluster already. */
export function claimReferences(object: KubeObject): readonly Reference[] {
  const spec = specOf(object);
  return [
    ...named('StorageClass', spec['storageClassName'], { group: 'storage.k8s.io', field: 'spec.storageClassName', reason: 'the volume is made by it' }),
    ...named('PersistentVolume', spec['volumeName'], { group: '', field: 'spec.volumeName', reason: 'it is bound to that volume' }),
  ];
}

/** The role a binding grants. Its absence does not stop the binding from being made, but an unknown role cannot be granted by most users. */
export function bindingReferences(object: KubeObject): readonly Reference[] {
  const name = asText(fieldAt(object, 'roleRef', 'name'));
  const kind = asText(fieldAt(object, 'roleRef', 'kind'));
  if (name === undefined || kind === undefined) return [];
  const namespace = object.metadata.namespace;
  const target = { group: 'rbac.authorization.k8s.io', kind, name, ...(kind === 'Role' && namespace !== undefined ? { namespace } : {}) };
  return [{ field: 'roleRef.name', target, wait: 'applied', reason: 'it grants that role', need: kind === 'ClusterRole' ? 'optional' : 'required' }];
}

/** What an autoscaler scales. */
export function autoscalerReferences(object: KubeObject): readonly Reference[] {
  const name = asText(fieldAt(object.spec, 'scaleTargetRef', 'name'));
  const kind = asText(fieldAt(object.spec, 'scaleTargetRef', 'kind'));
  if (name === undefined || kind === undefined) return [];
  const group = groupOf(asText(fieldAt(object.spec, 'scaleTargetRef', 'apiVersion')) ?? 'apps/v1');
  const target = { group, kind, namespace: object.metadata.namespace ?? 'default', name };
  return [{ field: 'spec.scaleTargetRef.name', target, wait: 'applied', reason: 'it scales that workload', need: 'optional' }];
}

/** The class and the services an ingress sends to; it works as soon as they appear. */
export function ingressReferences(object: KubeObject): readonly Reference[] {
  const backends = asList(fieldAt(object.spec, 'rules')).flatMap((rule, index) =>
    asList(fieldAt(rule, 'http', 'paths')).flatMap((path, at) => {
      const field = `${joinPath(`${joinPath('spec.rules', index)}.http.paths`, at)}.backend.service.name`;
      return named('Service', fieldAt(path, 'backend', 'service', 'name'), {
        group: '',
        field,
        reason: 'it sends there',
        namespace: object.metadata.namespace,
      });
    }),
  );
  return [
    ...named('IngressClass', specOf(object)['ingressClassName'], {
      group: 'networking.k8s.io',
      field: 'spec.ingressClassName',
      reason: 'its controller serves it',
    }),
    ...backends,
  ];
}

interface NamedOptions {
  readonly group: string;
  readonly field: string;
  readonly reason: string;
  readonly namespace?: string | undefined;
}

function named(kind: string, value: unknown, options: NamedOptions): readonly Reference[] {
  const name = asText(value);
  if (name === undefined) return [];
  const target = { group: options.group, kind, name, ...(options.namespace === undefined ? {} : { namespace: options.namespace }) };
  return [{ field: options.field, target, wait: 'applied', reason: options.reason, need: 'optional' }];
}
