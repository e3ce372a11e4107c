import type { KubeObject } from '../model/kube-object.ts';
import { asList, fieldAt } from './fields.ts';

/** Whether a node's kubelet says that it is ready. @see Kubernetes `v1.NodeCondition` */
export function isNodeReady(node: KubeObject): boolean {
  return asList(fieldAt(node.status, 'conditions')).some((condition) => fieldAt(condition, 'type') === 'Ready' && fieldAt(condition, 'status') === 'True');
}
