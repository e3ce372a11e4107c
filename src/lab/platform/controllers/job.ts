import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDrError } from '../../../errors/dr-error.ts';
import type { JsonObject } from '../../../model/json.ts';
import type { KubeObject } from '../../../model/kube-object.ts';
import { layoutOf } from '../../layout.ts';
import { podStatus } from '../../node/pod-spec.ts';
import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../../reconcile/controller.ts';
import { phaseOf, writeStatus } from '../../reconcile/status.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import type { PlatformContext } from '../context.ts';
import { ownedBy } from '../owner.ts';
import { CompileFault, compileService, WaitingForTrust } from '../service/compile.ts';
import type { Derived } from '../service/derive.ts';
import type { Workload, WorkloadSpec } from '../service/spec.ts';

const MANAGER = 'lattice-job-controller';

interface TaskSpec {
  readonly replicas?: number | null;
  readonly imagePullSecrets?: readonly string[];
  readonly workload: WorkloadSpec;
}

/**
 * LatticeJob: a cron job stays Running with the message "Cron job active"; a one-shot job runs its pods and ends Succeeded. A one-shot job without status
 * runs, whether it has run before or not: that is what restoring one does (F37). Each run is a line in the lab's `job-runs.jsonl`, which outlives clusters.
 */
export function jobController(context: PlatformContext): Controller {
  const ofPod = (pod: KubeObject): readonly string[] =>
    (pod.metadata.ownerReferences ?? []).filter((owner) => owner.kind === 'LatticeJob').map((owner) => `${pod.metadata.namespace}/${owner.name}`);
  return {
    name: 'job',
    watches: [
      { type: TYPES.LatticeJob, keys: ownKey },
      { type: TYPES.Pod, keys: ofPod },
      ...[TYPES.LatticeService, TYPES.CedarPolicy, TYPES.ImageProvider, TYPES.LatticeQuota, TYPES.Namespace, TYPES.Secret].map((type) => ({
        type,
        keys: () => [],
      })),
    ],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const job = context.caches.get(namespaced(TYPES.LatticeJob, namespace, name));
      if (job === undefined || job.metadata.deletionTimestamp !== undefined || phaseOf(job) === 'Succeeded') return undefined;
      const status = (fields: JsonObject): Promise<void> =>
        writeStatus(job, { ...fields, observedGeneration: job.metadata.generation }, { kube: context.kube, fieldManager: MANAGER, signal });
      if (typeof job.spec?.['schedule'] === 'string') {
        await status({ phase: 'Running', message: 'Cron job active' });
        return undefined;
      }
      if (phaseOf(job) === 'Running') return finish(job, context, status);
      try {
        await start(job, context, signal);
      } catch (error) {
        if (!(error instanceof CompileFault) && !(error instanceof WaitingForTrust)) throw error;
        await status({ phase: 'Failed', message: error.message });
        return context.lab.behaviour.retryIntervalMs;
      }
      await status({ phase: 'Running', message: 'Job is running' });
      return undefined;
    },
  };
}

async function start(job: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<void> {
  const compiled = Object.entries(tasksOf(job)).map(([task, spec]) => ({ task, spec, derived: compileService(workloadOf(job, task, spec), context.caches) }));
  let created = 0;
  for (const { task, spec, derived } of compiled) {
    for (const object of derived.infrastructure) await context.kube.apply(object, { fieldManager: MANAGER, force: true, signal });
    for (let index = 0; index < (spec.replicas ?? 1); index += 1)
      created += await createPod(podOf({ job, name: `${job.metadata.name}-${task}-${index}`, derived }), context, signal);
  }
  // Pods that are there already are those of a run that this process did not see through.
  if (created === 0) return;
  const run = { at: new Date(context.clock.now()).toISOString(), cluster: context.cluster.id, job: objectKey(job), uid: job.metadata.uid };
  await appendFile(join(layoutOf(context.lab.directory).logs, 'job-runs.jsonl'), `${JSON.stringify(run)}\n`, { mode: 0o600 });
}

async function createPod(pod: KubeObject, context: PlatformContext, signal: AbortSignal): Promise<number> {
  try {
    await context.kube.create(pod, { fieldManager: MANAGER, signal });
    return 1;
  } catch (error) {
    if (isDrError(error, 'KUBE_CONFLICT')) return 0;
    throw error;
  }
}

function podOf({ job, name, derived }: { readonly job: KubeObject; readonly name: string; readonly derived: Derived }): KubeObject {
  const template = derived.deployment.spec?.['template'] as { readonly metadata: JsonObject; readonly spec: JsonObject };
  const metadata = { ...template.metadata, namespace: job.metadata.namespace ?? '', name, ownerReferences: [ownedBy(job)] };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...template.spec, restartPolicy: 'Never' } };
}

async function finish(job: KubeObject, context: PlatformContext, status: (fields: JsonObject) => Promise<void>): Promise<Requeue> {
  const pods = context.caches
    .list(TYPES.Pod, job.metadata.namespace)
    .filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === job.metadata.uid) === true);
  if (pods.length > 0 && pods.every((pod) => podStatus(pod).phase === 'Succeeded')) await status({ phase: 'Succeeded', message: 'Job completed' });
  return undefined;
}

function workloadOf(job: KubeObject, task: string, { workload, imagePullSecrets = [] }: TaskSpec): Workload {
  return { namespace: job.metadata.namespace ?? '', name: `${job.metadata.name}-${task}`, kind: 'job', owner: job, spec: { workload, imagePullSecrets } };
}

function tasksOf(job: KubeObject): Readonly<Record<string, TaskSpec>> {
  return (job.spec?.['tasks'] ?? {}) as unknown as Readonly<Record<string, TaskSpec>>;
}
