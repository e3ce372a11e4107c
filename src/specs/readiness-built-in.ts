import type { JsonObject } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { asList, asObject, asText, fieldAt, specOf } from './fields.ts';
import type { BuiltInRule } from './profile.ts';
import { failed, progressing, READY, type Readiness } from './readiness-state.ts';

/** Judges an object whose status is for its current generation. */
export function builtInReadiness(object: KubeObject, rule: BuiltInRule): Readiness {
  return RULES[rule](object);
}

const RULES: Readonly<Record<BuiltInRule, (object: KubeObject) => Readiness>> = {
  conditions: byConditions,
  'lattice-job': latticeJob,
  namespace: (object) => byPhase(object, { ready: ['Active'], failed: [] }),
  crd,
  deployment,
  statefulset: statefulSet,
  daemonset: daemonSet,
  replicaset: replicaSet,
  pod,
  job,
  pvc: (object) => byPhase(object, { ready: ['Bound'], failed: ['Lost'] }),
  pv: (object) => byPhase(object, { ready: ['Available', 'Bound', 'Released'], failed: ['Failed'] }),
  service,
  apiservice: (object) => byCondition(object, 'Available'),
};

interface Condition {
  readonly status: string;
  readonly text: string;
  readonly reason: string | undefined;
}

/** A condition of the status, with its reason and message as one text. */
function conditionOf(object: KubeObject, type: string): Condition | undefined {
  const condition = asList(fieldAt(object.status, 'conditions')).find((item) => fieldAt(item, 'type') === type);
  if (condition === undefined) return undefined;
  const reason = asText(fieldAt(condition, 'reason'));
  const text = [reason, asText(fieldAt(condition, 'message'))].filter((part) => part !== undefined).join(': ');
  return { status: String(fieldAt(condition, 'status')), text: text === '' ? type : text, reason };
}

function byCondition(object: KubeObject, type: string): Readiness {
  const condition = conditionOf(object, type);
  if (condition?.status === 'True') return READY;
  return progressing(condition === undefined ? `no condition ${type} yet` : condition.text);
}

/** A kind nobody listed: `Reconciling`, `Stalled` and `Ready` say what it is doing, and one without them works as soon as it exists. */
function byConditions(object: KubeObject): Readiness {
  const stalled = conditionOf(object, 'Stalled');
  if (stalled?.status === 'True') return failed(stalled.text, false);
  const reconciling = conditionOf(object, 'Reconciling');
  if (reconciling?.status === 'True') return progressing(reconciling.text);
  return conditionOf(object, 'Ready') === undefined ? READY : byCondition(object, 'Ready');
}

function byPhase(object: KubeObject, phases: { readonly ready: readonly string[]; readonly failed: readonly string[] }): Readiness {
  const phase = asText(fieldAt(object.status, 'phase'));
  if (phase === undefined) return progressing('no status yet');
  if (phases.ready.includes(phase)) return READY;
  return phases.failed.includes(phase) ? failed(phase, false) : progressing(phase);
}

/** A cron job stays Running as long as it is scheduled; one that runs once is done when it has succeeded (`lattice-job/src/controller.rs`). */
function latticeJob(object: KubeObject): Readiness {
  const phase = asText(fieldAt(object.status, 'phase'));
  if (phase === undefined || typeof fieldAt(object.status, 'observedGeneration') !== 'number') return progressing('no status yet');
  const isCron = asText(specOf(object)['schedule']) !== undefined;
  if (phase === 'Succeeded' || (isCron && phase === 'Running')) return READY;
  const message = asText(fieldAt(object.status, 'message'));
  const reason = message === undefined ? phase : `${phase}: ${message}`;
  return phase === 'Failed' ? failed(reason, true) : progressing(reason);
}

function crd(object: KubeObject): Readiness {
  const names = conditionOf(object, 'NamesAccepted');
  if (names?.status === 'False') return failed(names.text, false);
  return byCondition(object, 'Established');
}

function number(source: JsonObject, field: string, whenAbsent = 0): number {
  const value = source[field];
  return typeof value === 'number' ? value : whenAbsent;
}

/** Counts that must be reached, each with what it counts; the first that is not is the reason. */
function counts(wanted: number, have: readonly (readonly [number, string])[]): Readiness {
  const short = have.find(([count]) => count < wanted);
  return short === undefined ? READY : progressing(`${short[0]} of ${wanted} ${short[1]}`);
}

/** Whether the controller of a workload has written a status at all. */
function unseen(object: KubeObject): boolean {
  return typeof fieldAt(object.status, 'observedGeneration') !== 'number';
}

function deployment(object: KubeObject): Readiness {
  if (unseen(object)) return progressing('no status yet');
  const status = asObject(object.status);
  const wanted = number(specOf(object), 'replicas', 1);
  const progress = conditionOf(object, 'Progressing');
  const reached = counts(wanted, [
    [number(status, 'updatedReplicas'), 'replicas updated'],
    [number(status, 'availableReplicas'), 'replicas available'],
  ]);
  if (reached.state === 'ready') return number(status, 'replicas') > number(status, 'updatedReplicas') ? progressing('old replicas are still running') : READY;
  return progress?.reason === 'ProgressDeadlineExceeded' ? failed(progress.text, true) : reached;
}

function statefulSet(object: KubeObject): Readiness {
  if (unseen(object)) return progressing('no status yet');
  const status = asObject(object.status);
  const wanted = number(specOf(object), 'replicas', 1);
  const ready = counts(wanted, [[number(status, 'readyReplicas'), 'replicas ready']]);
  const isManual = fieldAt(object.spec, 'updateStrategy', 'type') === 'OnDelete';
  if (ready.state !== 'ready' || isManual) return ready;
  const partition = number(asObject(fieldAt(object.spec, 'updateStrategy', 'rollingUpdate')), 'partition');
  return counts(wanted - partition, [
    [number(status, 'updatedReplicas', status['currentRevision'] === status['updateRevision'] ? wanted : 0), 'replicas updated'],
  ]);
}

function daemonSet(object: KubeObject): Readiness {
  if (unseen(object)) return progressing('no status yet');
  const status = asObject(object.status);
  return counts(number(status, 'desiredNumberScheduled'), [
    [number(status, 'updatedNumberScheduled'), 'pods updated'],
    [number(status, 'numberAvailable'), 'pods available'],
  ]);
}

function replicaSet(object: KubeObject): Readiness {
  if (unseen(object)) return progressing('no status yet');
  return counts(number(specOf(object), 'replicas', 1), [[number(asObject(object.status), 'availableReplicas'), 'replicas available']]);
}

/** Waiting reasons of the kubelet that a person usually has to look at; it goes on trying. */
const TROUBLE: ReadonlySet<string> = new Set(['CrashLoopBackOff', 'ImagePullBackOff', 'ErrImagePull', 'CreateContainerConfigError', 'InvalidImageName']);

function pod(object: KubeObject): Readiness {
  const phase = asText(fieldAt(object.status, 'phase'));
  if (phase === undefined) return progressing('no status yet');
  if (phase === 'Succeeded' || (phase === 'Running' && conditionOf(object, 'Ready')?.status === 'True')) return READY;
  if (phase === 'Failed') return failed(asText(fieldAt(object.status, 'message')) ?? phase, false);
  const statuses = ['initContainerStatuses', 'containerStatuses'].flatMap((list) => asList(fieldAt(object.status, list)));
  const waiting = statuses.map((status) => asText(fieldAt(status, 'state', 'waiting', 'reason'))).find((reason) => reason !== undefined && TROUBLE.has(reason));
  return waiting === undefined ? progressing(phase) : failed(waiting, true);
}

function job(object: KubeObject): Readiness {
  const broken = conditionOf(object, 'Failed');
  if (broken?.status === 'True') return failed(broken.text, false);
  return byCondition(object, 'Complete');
}

function service(object: KubeObject): Readiness {
  if (specOf(object)['type'] !== 'LoadBalancer') return READY;
  return asList(fieldAt(object.status, 'loadBalancer', 'ingress')).length > 0 ? READY : progressing('no load balancer address yet');
}
