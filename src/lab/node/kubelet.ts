import { isDrError } from '../../errors/dr-error.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import { httpGet } from '../apps/mesh-client.ts';
import { type Controller, objectKey, ownKey, type Requeue, splitKey } from '../reconcile/controller.ts';
import { writeStatus } from '../reconcile/status.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { freePodAddress, listenAddress, listenPort } from './addresses.ts';
import { type ContainerView, startLine } from './containers/container-runs.ts';
import { imageOf } from './containers/images.ts';
import { preparePodVolumes, removePodFolder } from './containers/pod-volumes.ts';
import type { ContainerOfPod } from './containers/program.ts';
import { NODE_MANAGER, type NodeContext } from './node-context.ts';
import { appOfPod, declaredPorts, isNotYet, taskOf } from './pod-app.ts';
import { hasEnded, isSystemPod, podSpec, podStatus } from './pod-spec.ts';
import { type PodFacts, programStatus, runningStatus, succeededStatus, waitingStatus } from './pod-status.ts';

/** Wait before a pod that does not pass its readiness probe yet is probed again. */
const PROBE_UNREADY_MS = 250;
/** How often the containers of a pod are looked at that are processes of their own. */
const POLL_MS = 250;
/** Probe period of a ready pod (Kubernetes default 10 s, shortened). */
const PROBE_READY_MS = 5_000;
/** Wait before a pod that waits for a claim, a secret or a port is looked at again, besides the events that wake it. */
const RETRY_START_MS = 2_000;

type AddressedPod = PodFacts & { readonly address: string };

interface AppParts extends Pick<ContainerOfPod, 'container' | 'volumes'> {
  readonly facts: AddressedPod;
}

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
        .filter((pod) => !['Running', 'Succeeded', 'Failed'].includes(podStatus(pod).phase ?? ''))
        .map(objectKey);
    return {
      name: 'kubelet',
      watches: [
        { type: TYPES.Pod, keys: ownKey },
        { type: TYPES.PersistentVolumeClaim, keys: podsOfNamespace },
        { type: TYPES.Secret, keys: podsOfNamespace },
        { type: TYPES.ConfigMap, keys: podsOfNamespace },
        { type: TYPES.PersistentVolume, keys: () => [] },
        { type: TYPES.ServiceAccount, keys: () => [] },
      ],
      reconcile: (key, signal) => this.#reconcile(key, signal),
    };
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue> {
    const { namespace, name } = splitKey(key);
    const pod = this.#context.caches.get(namespaced(TYPES.Pod, namespace, name));
    await this.#endPredecessor(key, pod);
    if (pod === undefined || podSpec(pod).nodeName === undefined) return undefined;
    const id = pod.metadata.uid ?? '';
    this.#started.set(key, id);
    // Of pods that are run by nobody here, too: Velero's node agent wants to see a folder of every pod of its node (F57).
    const volumes = await preparePodVolumes(pod, this.#context.cluster, this.#context.caches);
    if (isSystemPod(pod)) return undefined;
    // One that has ended too: a pod may end while it is being deleted, and then nobody else sends the last delete.
    if (pod.metadata.deletionTimestamp !== undefined) {
      await this.#end(key, id, pod.metadata['deletionGracePeriodSeconds'] === 0);
      await this.#finalise(pod, signal);
      return undefined;
    }
    if (hasEnded(pod)) return undefined;
    if (isNotYet(volumes)) return this.#wait(pod, volumes, signal);
    const init = await this.#initialise(pod, volumes);
    const facts = { pod, address: this.#addressOf(pod), now: this.#now(), init };
    if (!init.every(({ state }) => state.terminated?.exitCode === 0)) {
      await writeStatus(pod, programStatus(facts, { main: [], ready: false }), this.#write(signal));
      return POLL_MS;
    }
    const [container] = podSpec(pod).containers;
    if (container === undefined || imageOf(container.image).kind !== 'app' || taskOf(container) !== 'serve') return this.#runPrograms(facts, volumes, signal);
    return this.#run(key, { facts, container, volumes }, signal);
  }

  /** Runs the init containers one after the other, each once; gives those that have been started (F59, F61). */
  async #initialise(pod: KubeObject, volumes: ReadonlyMap<string, string>): Promise<readonly ContainerView[]> {
    const views: ContainerView[] = [];
    for (const container of podSpec(pod).initContainers ?? []) {
      const before = podStatus(pod).initContainerStatuses?.find(({ name, state }) => name === container.name && state?.terminated?.exitCode === 0);
      const restart = podSpec(pod).restartPolicy === 'Never' ? 'never' : 'on-failure';
      const view: ContainerView =
        before?.state === undefined
          ? await this.#context.containers.advance({ pod, container, volumes }, restart)
          : { name: container.name, image: container.image ?? '', state: before.state, restartCount: before.restartCount };
      views.push(view);
      if (view.state.terminated?.exitCode !== 0) break;
    }
    return views;
  }

  /** Runs the containers of a pod that are more than an app that serves. */
  async #runPrograms(facts: AddressedPod, volumes: ReadonlyMap<string, string>, signal: AbortSignal): Promise<Requeue> {
    const { pod, address } = facts;
    const { restartPolicy = 'Always' } = podSpec(pod);
    const restart = restartPolicy === 'Never' ? 'never' : restartPolicy === 'OnFailure' ? 'on-failure' : 'always';
    const main: ContainerView[] = [];
    for (const container of podSpec(pod).containers) main.push(await this.#context.containers.advance({ pod, container, volumes }, restart));
    const runs = main.every(({ state }) => state.running !== undefined);
    const ready = runs && (podSpec(pod).containers[0]?.readinessProbe === undefined || (await probe(pod, address)));
    await writeStatus(pod, programStatus(facts, { main, ready }), this.#write(signal));
    return main.every(({ state }) => state.terminated !== undefined) ? undefined : POLL_MS;
  }

  async #run(key: string, app: AppParts, signal: AbortSignal): Promise<Requeue> {
    const { runs, caches } = this.#context;
    const { facts, container, volumes } = app;
    const { pod, address } = facts;
    const id = pod.metadata.uid ?? '';
    const run = runs.get(id);
    if (run === undefined || run.state === 'failed') {
      const spec = appOfPod({ pod, container, volumes, address, caches });
      if (isNotYet(spec)) return this.#wait(pod, spec, signal);
      runs.start(spec);
      this.#context.log(startLine({ pod, container }, 'app'));
      return run === undefined ? PROBE_UNREADY_MS : this.#wait(pod, { reason: 'CrashLoopBackOff', message: run.message }, signal);
    }
    if (run.state === 'starting') return PROBE_UNREADY_MS;
    if (run.state === 'finished') {
      await writeStatus(pod, succeededStatus(facts), this.#write(signal));
      await this.#end(key, id, true);
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
  async #endPredecessor(key: string, pod: KubeObject | undefined): Promise<void> {
    const before = this.#started.get(key);
    if (before !== undefined && before !== pod?.metadata.uid) await this.#end(key, before, true);
  }

  async #end(key: string, id: string, force: boolean): Promise<void> {
    this.#context.runs.stop(id);
    await this.#context.containers.stop(id, force);
    await removePodFolder(this.#context.cluster, id);
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
  const endpoint = get?.host === undefined ? { address, port: listenPort(port) } : { address: get.host, port };
  const reply = await httpGet({ endpoint, path: get?.host === undefined ? '/healthz' : (get.path ?? '/'), headers: {} });
  return reply !== 'unreachable' && reply.status === 200;
}
