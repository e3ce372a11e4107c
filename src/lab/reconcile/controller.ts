import { isDrError } from '../../errors/dr-error.ts';
import type { KubeObject, ResourceType } from '../../model/kube-object.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Caches } from './caches.ts';
import { changesOf } from './changes.ts';
import { WorkQueue } from './work-queue.ts';

/** What a reconcile asks for: to be called again after so many milliseconds, or only when something changes. */
export type Requeue = number | undefined;

/** One type that a controller watches, and the keys that a changed object concerns. */
export interface Watch {
  readonly type: ResourceType;
  readonly keys: (object: KubeObject) => readonly string[];
}

/** A loop that makes one kind of thing so. `reconcile` looks at what there is now, never at what changed, so a lost or doubled event does no harm. */
export interface Controller {
  readonly name: string;
  readonly watches: readonly Watch[];
  /** Keys to start with besides those of existing objects. */
  readonly initialKeys?: readonly string[];
  reconcile(key: string, signal: AbortSignal): Promise<Requeue>;
}

export interface ControllerRuntime {
  readonly caches: Caches;
  readonly clock: Clock;
  /** Wait after a failed reconcile, in milliseconds. */
  readonly retryMs: number;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** How much longer nothing is to be reconciled: a fault. */
  readonly pausedForMs?: () => number;
}

/** Wait after a conflict with another writer: the object is read anew. */
const CONFLICT_RETRY_MS = 200;
/** A paused worker asks this often whether it still is. */
const PAUSE_STEP_MS = 100;
/** Keys worked on at once by one controller. One key is never worked on twice at once. */
const CONCURRENCY = 4;

/** Runs a controller until the signal aborts; never rejects after that. A failed reconcile is logged and tried again. */
export async function runController(controller: Controller, runtime: ControllerRuntime): Promise<void> {
  const queue = new WorkQueue(runtime.clock);
  for (const key of controller.initialKeys ?? []) queue.add(key);
  const sets = await Promise.all(controller.watches.map((watch) => runtime.caches.watch(watch.type)));
  const feeds = controller.watches.map(async (watch, index) => {
    const set = sets[index];
    if (set === undefined) return;
    for await (const changed of changesOf(set, runtime.signal)) {
      for (const object of changed) for (const key of watch.keys(object)) queue.add(key);
    }
  });
  const workers = Array.from({ length: CONCURRENCY }, () => work(controller, queue, runtime));
  try {
    await Promise.all([...feeds, ...workers]);
  } finally {
    queue.close();
  }
}

async function work(controller: Controller, queue: WorkQueue, runtime: ControllerRuntime): Promise<void> {
  const { signal } = runtime;
  while (!signal.aborted) {
    let key: string;
    try {
      key = await queue.take(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    await whilePaused(runtime);
    const requeue = await attempt(controller, key, runtime);
    queue.done(key);
    if (requeue !== undefined) queue.addAfter(key, requeue);
  }
}

/** Asks again and again, so that a pause can be lengthened, and ended before its time. */
async function whilePaused({ pausedForMs, clock, signal }: ControllerRuntime): Promise<void> {
  for (let left = pausedForMs?.() ?? 0; left > 0 && !signal.aborted; left = pausedForMs?.() ?? 0) {
    await clock.sleep(Math.min(left, PAUSE_STEP_MS), signal).catch(() => undefined);
  }
}

async function attempt(controller: Controller, key: string, runtime: ControllerRuntime): Promise<Requeue> {
  try {
    return await controller.reconcile(key, runtime.signal);
  } catch (error) {
    if (runtime.signal.aborted) return undefined;
    if (isDrError(error, 'KUBE_CONFLICT')) return CONFLICT_RETRY_MS;
    runtime.log(`${controller.name}: ${key}: ${error instanceof Error ? error.message : String(error)}`);
    return runtime.retryMs;
  }
}

/** Key of an object within its type: `namespace/name`, or the name. */
export function objectKey(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The keys function of a controller's own type. */
export function ownKey(object: KubeObject): readonly string[] {
  return [objectKey(object)];
}

/** Splits `namespace/name`. */
export function splitKey(key: string): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf('/');
  return { namespace: key.slice(0, Math.max(slash, 0)), name: key.slice(slash + 1) };
}
