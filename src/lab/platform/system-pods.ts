import { isDrError } from '../../errors/dr-error.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import { isSystemPod, podSpec, podStatus } from '../node/pod-spec.ts';
import { runningStatus } from '../node/pod-status.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../reconcile/controller.ts';
import { writeStatus } from '../reconcile/status.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { type PlatformContext, timestamp } from './context.ts';

const MANAGER = 'lab-system-pods';

/** Answers for the platform's own pods: bound and Ready as soon as they exist. Works while the operator does not, as a node does. */
export function systemPodController(context: Pick<PlatformContext, 'caches' | 'kube' | 'clock' | 'cluster'>): Controller {
  return {
    name: 'system-pods',
    watches: [{ type: TYPES.Pod, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const pod = context.caches.get(namespaced(TYPES.Pod, namespace, name));
      if (pod === undefined || !isSystemPod(pod)) return undefined;
      if (pod.metadata.deletionTimestamp !== undefined) {
        await context.kube.delete(refOf(pod), { gracePeriodSeconds: 0, signal });
        return undefined;
      }
      if (podSpec(pod).nodeName === undefined) await bind(pod, context, signal);
      if (podStatus(pod).phase !== 'Running') {
        await writeStatus(pod, runningStatus({ pod, now: timestamp(context.clock) }, true), { kube: context.kube, fieldManager: MANAGER, signal });
      }
      return undefined;
    },
  };
}

/** The oldest ready pod of a system Deployment: the one that holds the lease. */
export function leaderOf(pods: readonly KubeObject[], app: string): KubeObject | undefined {
  return pods
    .filter(
      (pod) => pod.metadata.labels?.['app'] === app && isSystemPod(pod) && podStatus(pod).phase === 'Running' && pod.metadata.deletionTimestamp === undefined,
    )
    .sort((a, b) => `${a.metadata.creationTimestamp} ${a.metadata.name}`.localeCompare(`${b.metadata.creationTimestamp} ${b.metadata.name}`))[0];
}

async function bind(pod: KubeObject, { kube, cluster }: Pick<PlatformContext, 'kube' | 'cluster'>, signal: AbortSignal): Promise<void> {
  const { namespace = '', name } = pod.metadata;
  const target = { apiVersion: 'v1', kind: 'Node', name: `${cluster.name}-control-plane-0` };
  try {
    await kube.create({ apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name }, target }, { fieldManager: MANAGER, signal });
  } catch (error) {
    if (!isDrError(error, 'KUBE_CONFLICT', 'KUBE_NOT_FOUND')) throw error;
  }
}
