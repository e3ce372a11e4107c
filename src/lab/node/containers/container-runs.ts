import type { ContainerContext } from '../node-context.ts';
import { appOfPod, isNotYet, type NotYet } from '../pod-app.ts';
import type { ContainerState } from '../pod-spec.ts';
import { imageOf } from './images.ts';
import { type ContainerOfPod, installPlugin, spawnSpecOf } from './program.ts';
import { ProgramRuns } from './program-runs.ts';

/** A second start comes at once, later ones after a wait that doubles (a kubelet's is 10 s to 5 min, shortened). */
const FIRST_BACKOFF_MS = 1_000;
const MOST_BACKOFF_MS = 16_000;
/** A container that has run so long is not crashing (a kubelet asks for 10 min, shortened). */
const STEADY_MS = 60_000;

/** Whether a container that has ended is started again: always, after a failure, or not. */
export type Restart = 'always' | 'on-failure' | 'never';

export interface ContainerView {
  readonly name: string;
  readonly image: string;
  readonly state: ContainerState;
  readonly restartCount: number;
}

interface Restarts {
  readonly count: number;
  /** Failures in a row, each soon after its start. */
  readonly quick: number;
}

/** Runs containers that are more than the one app of a pod: init containers and the programs whose images the node knows. */
export class ContainerRuns {
  readonly #context: ContainerContext;
  readonly #programs: ProgramRuns;
  readonly #restarts = new Map<string, Restarts>();
  /** Containers that are no process: when they started and, if they have, ended. */
  readonly #plain = new Map<string, ContainerState>();

  constructor(context: ContainerContext) {
    this.#context = context;
    this.#programs = new ProgramRuns(context.lab.directory, () => context.clock.now());
  }

  /** Starts a container unless it runs or has ended for good, and tells how it is. */
  async advance(of: ContainerOfPod, restart: Restart): Promise<ContainerView> {
    const key = keyOf(of);
    const known = (of.pod.status?.['containerStatuses'] as readonly { name: string; restartCount: number }[] | undefined)?.find(
      ({ name }) => name === of.container.name,
    );
    if (!this.#restarts.has(key)) this.#restarts.set(key, { count: known?.restartCount ?? 0, quick: 0 });
    let state = this.#state(of) ?? (await this.#start(of));
    const { terminated } = state;
    if (terminated !== undefined && (restart === 'always' || (restart === 'on-failure' && terminated.exitCode !== 0)))
      state = await this.#again(of, terminated);
    return { name: of.container.name, image: of.container.image ?? '', state, restartCount: this.#restarts.get(key)?.count ?? 0 };
  }

  /** Ends all containers of a pod and forgets them. */
  async stop(podUid: string, force: boolean): Promise<void> {
    const keys = [...this.#restarts.keys()].filter((key) => key.startsWith(`${podUid}/`));
    for (const key of keys) {
      this.#restarts.delete(key);
      this.#plain.delete(key);
      this.#context.runs.stop(key);
    }
    await Promise.all(keys.map(async (key) => await this.#programs.stop(key, force)));
  }

  async #again(of: ContainerOfPod, ended: NonNullable<ContainerState['terminated']>): Promise<ContainerState> {
    const key = keyOf(of);
    const { count, quick } = this.#restarts.get(key) ?? { count: 0, quick: 0 };
    const endedAt = Date.parse(ended.finishedAt);
    const isSteady = endedAt - Date.parse(ended.startedAt) >= STEADY_MS;
    const backoff = isSteady || quick === 0 ? 0 : Math.min(FIRST_BACKOFF_MS * 2 ** (quick - 1), MOST_BACKOFF_MS);
    if (this.#context.clock.now() < endedAt + backoff) {
      return { waiting: { reason: 'CrashLoopBackOff', message: `back-off ${backoff / 1_000} s; it ended with exit code ${ended.exitCode}` } };
    }
    this.#programs.forget(key);
    this.#plain.delete(key);
    this.#context.runs.stop(key);
    this.#restarts.set(key, { count: count + 1, quick: isSteady ? 1 : quick + 1 });
    return this.#start(of);
  }

  #state(of: ContainerOfPod): ContainerState | undefined {
    const key = keyOf(of);
    const program = this.#programs.get(key);
    if (program !== undefined) {
      const { startedAt, ended } = program;
      if (ended === undefined) return { running: { startedAt: iso(startedAt) } };
      return { terminated: terminatedOf({ startedAt, exitCode: ended.exitCode, message: ended.message, at: ended.at }) };
    }
    const plain = this.#plain.get(key);
    const app = plain?.running === undefined ? undefined : this.#context.runs.get(key);
    if (plain?.running === undefined || app === undefined || app.state === 'starting' || app.state === 'started') return plain;
    const exitCode = app.state === 'failed' ? 1 : 0;
    const message = app.state === 'failed' ? app.message : '';
    const done = { terminated: terminatedOf({ startedAt: Date.parse(plain.running.startedAt), exitCode, message, at: this.#context.clock.now() }) };
    this.#plain.set(key, done);
    return done;
  }

  async #start(of: ContainerOfPod): Promise<ContainerState> {
    const { pod, container } = of;
    const image = imageOf(container.image);
    const fault = await this.#launch(of);
    if (fault !== undefined) return { waiting: fault };
    this.#context.log(startLine(of, image.kind === 'app' ? 'task' : image.kind));
    return this.#state(of) ?? { waiting: { reason: 'ContainerCreating', message: `${pod.metadata.name} starts` } };
  }

  async #launch(of: ContainerOfPod): Promise<NotYet | undefined> {
    const key = keyOf(of);
    const image = imageOf(of.container.image);
    const now = this.#context.clock.now();
    if (image.kind === 'programs') {
      const spec = await spawnSpecOf(of, image, this.#context);
      if ('reason' in spec) return spec;
      await this.#programs.start(key, spec);
    } else if (image.kind === 'plugin') {
      const fault = await installPlugin(of, image.plugin);
      if (fault !== undefined) return fault;
      this.#plain.set(key, { terminated: terminatedOf({ startedAt: now, exitCode: 0, message: '', at: now }) });
    } else {
      if (image.kind === 'app') {
        const app = appOfPod({ ...of, address: '127.0.0.1', caches: this.#context.caches });
        if (isNotYet(app)) return app;
        // It has no port and no volume of its own: it works on those that are there, and ends.
        this.#context.runs.start({ ...app, id: key, ports: [], once: true, volumes: app.volumes.map((volume) => ({ ...volume, owned: false })) });
      }
      this.#plain.set(key, { running: { startedAt: iso(now) } });
    }
    return undefined;
  }
}

/**
 * The line of the node's log that says when a container was started: `start <namespace>/<pod>/<container> as <kind> of <image>`. Kinds are those of images, and
 * `task` for an app that does not serve: an init container, `lab-app recover`.
 */
export function startLine({ pod, container }: Pick<ContainerOfPod, 'pod' | 'container'>, kind: string): string {
  return `start ${pod.metadata.namespace}/${pod.metadata.name}/${container.name} as ${kind} of ${container.image ?? ''}`;
}

function keyOf({ pod, container }: ContainerOfPod): string {
  return `${pod.metadata.uid ?? ''}/${container.name}`;
}

function terminatedOf(facts: {
  readonly startedAt: number;
  readonly exitCode: number;
  readonly message: string;
  readonly at: number;
}): NonNullable<ContainerState['terminated']> {
  const { startedAt, exitCode, message, at } = facts;
  const reason = exitCode === 0 ? 'Completed' : 'Error';
  return { exitCode, reason, ...(message === '' ? {} : { message }), startedAt: iso(startedAt), finishedAt: iso(at) };
}

function iso(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
}
