import { isDrError } from '../../errors/dr-error.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import { httpGet } from '../apps/mesh-client.ts';
import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../reconcile/controller.ts';
import { writeStatus } from '../reconcile/status.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { freePodAddress, listenAddress, listenPort } from './addresses.ts';
import { NODE_MANAGER, type NodeContext } from './node-context.ts';
import { appOfPod, declaredPorts } from './pod-app.ts';
import { hasEnded, isSystemPod, podSpec, podStatus } from './pod-spec.ts';
import { runningStatus, succeededStatus, waitingStatus } from './pod-status.ts';

/** Wait before a pod that does not pass its readiness probe yet is probed again. */
const PROBE_UNREADY_MS = 250;
/** Probe period of a ready pod (Kubernetes default 10 s, shortened). */
const PROBE_READY_MS = 5_000;
/** Wait before a pod that waits for a claim, a secret or a port is looked at again, besides the events that wake it. */
const RETRY_START_MS = 2_000;

/**
 * The kubelet of all nodes of a cluster: starts, probes and ends the apps of bound pods and reports their status. Addresses live in the pods' own
 * statuses, so a restart of this process keeps them.
 */
export class Kubelet {
  readonly #context: NodeContext;
  /** Uid under which a pod key was started: a StatefulSet's pod comes back with the same name. */
  readonly #started = new Map<string, string>();
  /** Addresses given out and not yet seen in a status. */
  readonly #reserved = new Map<string, string>();

  constructor(context: NodeContext) {
    this.#context = context;
  }

  controller(): Controller {
    const podsOfNamespace = (object: KubeObject): readonly string[] =>
      this.#context.caches
        .list(TYPES.Pod, object.metadata.namespace)
        .filter((pod) => podStatus(pod).phase !== 'Running')
        .map(objectKey);
    return {
      name: 'kubelet',
      watches: [
        { type: TYPES.Pod, keys: ownKey },
        { type: TYPES.PersistentVolumeClaim, keys: podsOfNamespace },
        { type: TYPES.Secret, keys: podsOfNamespace },
        { type: TYPES.ConfigMap, keys: podsOfNamespace },
        { type: TYPES.PersistentVolume, keys: () => [] },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    };
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue> {
    const { namespace, name } = splitKey(key);
    const pod = this.#context.caches.get(namespaced(TYPES.Pod, namespace, name));
    this.#endPredecessor(key, pod);
    if (pod === undefined || isSystemPod(pod) || podSpec(pod).nodeName === undefined || hasEnded(pod)) return undefined;
    const id = pod.metadata.uid ?? '';
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#end(key, id);
      await this.#finalise(pod, signal);
      return undefined;
    }
    return this.#run(key, pod, signal);
  }

  async #run(key: string, pod: KubeObject, signal: AbortSignal): Promise<Requeue> {
    const { runs, caches } = this.#context;
    const id = pod.metadata.uid ?? '';
    const address = this.#addressOf(pod);
    const run = runs.get(id);
    if (run === undefined || run.state === 'failed') {
      const app = appOfPod(pod, address, caches);
      if ('reason' in app) return this.#wait(pod, app, signal);
      this.#started.set(key, id);
      runs.start(app);
      return run === undefined ? PROBE_UNREADY_MS : this.#wait(pod, { reason: 'CrashLoopBackOff', message: run.message }, signal);
    }
    if (run.state === 'starting') return PROBE_UNREADY_MS;
    const facts = { pod, address, now: this.#now() };
    if (run.state === 'finished') {
      await writeStatus(pod, succeededStatus(facts), this.#write(signal));
      this.#end(key, id);
      return undefined;
    }
    const ready = await probe(pod, address);
    await writeStatus(pod, runningStatus(facts, ready), this.#write(signal));
    return ready ? PROBE_READY_MS : PROBE_UNREADY_MS;
  }

  async #wait(pod: KubeObject, why: { readonly reason: string; readonly message: string }, signal: AbortSignal): Promise<Requeue> {
    await writeStatus(pod, waitingStatus({ pod, now: this.#now() }, why), this.#write(signal));
    return RETRY_START_MS;
  }

  /** Ends what ran under this key before, if the pod is gone or is another one now. */
  #endPredecessor(key: string, pod: KubeObject | undefined): void {
    const before = this.#started.get(key);
    if (before !== undefined && before !== pod?.metadata.uid) this.#end(key, before);
  }

  #end(key: string, id: string): void {
    this.#context.runs.stop(id);
    this.#reserved.delete(id);
    if (this.#started.get(key) === id) this.#started.delete(key);
  }

  /** The last delete of a pod, which only a kubelet sends. */
  async #finalise(pod: KubeObject, signal: AbortSignal): Promise<void> {
    const { uid } = pod.metadata;
    try {
      await this.#context.kube.delete(refOf(pod), { gracePeriodSeconds: 0, signal, ...(uid === undefined ? {} : { uid }) });
    } catch (error) {
      if (!isDrError(error, 'KUBE_CONFLICT')) throw error;
    }
  }

  #addressOf(pod: KubeObject): string {
    const id = pod.metadata.uid ?? '';
    const known = podStatus(pod).podIP;
    if (known !== undefined && known !== '') return listenAddress(known);
    const reserved = this.#reserved.get(id);
    if (reserved !== undefined) return reserved;
    const taken = new Set(this.#reserved.values());
    for (const other of this.#context.caches.list(TYPES.Pod)) {
      const { podIP } = podStatus(other);
      if (podIP !== undefined && !hasEnded(other)) taken.add(listenAddress(podIP));
    }
    const address = freePodAddress(this.#context.cluster, taken);
    this.#reserved.set(id, address);
    return address;
  }

  #now(): string {
    return new Date(this.#context.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }

  #write(signal: AbortSignal): { readonly kube: NodeContext['kube']; readonly fieldManager: string; readonly signal: AbortSignal } {
    return { kube: this.#context.kube, fieldManager: NODE_MANAGER, signal };
  }
}

/** Readiness by the declared HTTP probe, or `/healthz` of the first port. */
async function probe(pod: KubeObject, address: string): Promise<boolean> {
  const [container] = podSpec(pod).containers;
  if (container === undefined) return false;
  const get = container.readinessProbe?.httpGet;
  const named = container.ports?.find((port) => port.name === get?.port)?.containerPort;
  const port = typeof get?.port === 'number' ? get.port : (named ?? declaredPorts(container)[0] ?? 0);
  const reply = await httpGet({ endpoint: { address, port: listenPort(port) }, path: '/healthz', headers: {} });
  return reply !== 'unreachable' && reply.status === 200;
}
