import { type ContainerRecord, isRunning, listContainers, removeContainer, signalContainer } from './container-records.ts';
import type { KubeletConfig } from './kubelet-config.ts';
import { startContainer } from './start-container.ts';
import type { StaticContainer, StaticPod } from './static-pod.ts';

/** First wait of a container that ended again; each further one is twice as long (Kubernetes 1.36 `pkg/kubelet/kubelet.go`, `initialNodeBackOff`). */
const FIRST_RESTART_MS = 10_000;

/** Keeps the processes of static pods as the manifests say. What runs is read from the container records each time, so that a restarted kubelet goes on. */
export class PodLoop {
  readonly #config: KubeletConfig;
  readonly #log: (line: string) => void;
  /** When a container that has to go was seen first, by its id. */
  readonly #leaving = new Map<string, { readonly since: number; told?: number }>();
  /** When a container may be started again, and the wait after that. */
  readonly #restarts = new Map<string, { readonly at: number; readonly nextMs: number }>();

  constructor(config: KubeletConfig, log: (line: string) => void) {
    this.#config = config;
    this.#log = log;
  }

  /** One look at everything; starts, tells and kills what is due. */
  async reconcile(pods: readonly StaticPod[]): Promise<void> {
    const records = await listContainers();
    const running = records.filter(isRunning);
    const wanted = new Set(pods.map((pod) => pod.uid));
    for (const record of running) if (!wanted.has(record.podUid)) this.#stop(record);
    await this.#forget(records.filter((record) => !running.includes(record) && !wanted.has(record.podUid)));
    for (const pod of choose(pods, running)) {
      for (const container of pod.containers) {
        if (running.some((record) => record.podUid === pod.uid && record.name === container.name)) continue;
        await this.#start(pod, container, records);
      }
    }
  }

  #stop(record: ContainerRecord): void {
    const now = performance.now();
    const leaving = this.#leaving.get(record.id) ?? { since: now };
    this.#leaving.set(record.id, leaving);
    if (leaving.told === undefined) {
      if (now - leaving.since < this.#config.slowStopMs) return;
      this.#log(`stopping container ${record.name} of pod ${record.pod}`);
      leaving.told = now;
      signalContainer(record, 'SIGTERM');
    } else if (now - leaving.told > record.gracePeriodMs) signalContainer(record, 'SIGKILL');
  }

  async #start(pod: StaticPod, container: StaticContainer, records: readonly ContainerRecord[]): Promise<void> {
    const key = `${pod.uid}/${container.name}`;
    const now = performance.now();
    const restart = this.#restarts.get(key);
    if (restart !== undefined && now < restart.at) return;
    const nextMs = restart?.nextMs ?? Math.min(FIRST_RESTART_MS, this.#config.maxRestartMs);
    const dead = records.filter((record) => record.podUid === pod.uid && record.name === container.name && !isRunning(record));
    // The first time it ends it is started at once; from then on it waits.
    if (dead.length > 0 || restart !== undefined) this.#restarts.set(key, { at: now + nextMs, nextMs: Math.min(nextMs * 2, this.#config.maxRestartMs) });
    try {
      const record = await startContainer({ pod, container, attempt: (dead.at(-1)?.attempt ?? -1) + 1, images: this.#config.images });
      this.#log(`started container ${container.name} of pod ${pod.name}, attempt ${record.attempt}, pid ${record.pid}`);
    } catch (error) {
      this.#log(`container ${container.name} of pod ${pod.name} does not start: ${error instanceof Error ? error.message : String(error)}`);
      this.#restarts.set(key, { at: now + nextMs, nextMs: Math.min(nextMs * 2, this.#config.maxRestartMs) });
    }
    await this.#forget(dead.slice(0, -1));
  }

  async #forget(records: readonly ContainerRecord[]): Promise<void> {
    for (const record of records) {
      this.#leaving.delete(record.id);
      await removeContainer(record);
    }
  }
}

/** Of several manifests of one pod name only one runs: what does already, else the first by file name once the other is gone (F63). */
function choose(pods: readonly StaticPod[], running: readonly ContainerRecord[]): readonly StaticPod[] {
  const names = Map.groupBy(pods, (pod) => `${pod.namespace}/${pod.name}`);
  return [...names.entries()].flatMap(([name, candidates]) => {
    const busy = running.filter((record) => `${record.namespace}/${record.pod}` === name);
    const current = candidates.find((pod) => busy.some((record) => record.podUid === pod.uid));
    if (current !== undefined) return [current];
    const [first] = candidates;
    return busy.length > 0 || first === undefined ? [] : [first];
  });
}
