import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../reconcile/controller.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import type { MachineNode } from './machine-data.ts';
import { NODE_MANAGER, type NodeContext } from './node-context.ts';
import { isSystemPod, podSpec } from './pod-spec.ts';

/** Binds pods to nodes: workers first, by node selector, spread by the pod's name. Resources are not counted. */
export function schedulerController(context: NodeContext): Controller {
  return {
    name: 'scheduler',
    watches: [{ type: TYPES.Pod, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const pod = context.caches.get(namespaced(TYPES.Pod, namespace, name));
      if (pod === undefined || isSystemPod(pod) || podSpec(pod).nodeName !== undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
      const node = chooseNode(pod, context.machines.nodes);
      if (node === undefined) return undefined;
      const target = { apiVersion: 'v1', kind: 'Node', name: node.name };
      const metadata = { namespace, name, ...(pod.metadata.uid === undefined ? {} : { uid: pod.metadata.uid }) };
      try {
        await context.kube.create({ apiVersion: 'v1', kind: 'Binding', metadata, target }, { fieldManager: NODE_MANAGER, signal });
      } catch (error) {
        // Bound already, or gone: the next event tells.
        if (!isDrError(error, 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) throw error;
      }
      return undefined;
    },
  };
}

/** The node a pod goes to, `undefined` when no node matches its selector. */
export function chooseNode(pod: KubeObject, nodes: readonly MachineNode[]): MachineNode | undefined {
  const terms = podSpec(pod).affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const [named] = terms.flatMap((term) => term.matchFields ?? []).filter((field) => field.key === 'metadata.name');
  // A pod of a DaemonSet: its controller has chosen.
  if (named !== undefined) return nodes.find((node) => named.values?.includes(node.name));
  const workers = nodes.filter((node) => node.role === 'worker');
  const candidates = (workers.length === 0 ? nodes : workers).filter((node) => matches(podSpec(pod).nodeSelector ?? {}, node.labels));
  let sum = 0;
  for (const character of pod.metadata.name) sum += character.charCodeAt(0);
  return candidates[sum % Math.max(candidates.length, 1)];
}

function matches(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
