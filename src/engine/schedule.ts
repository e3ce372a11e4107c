import { asDrError, DrError } from '../errors/dr-error.ts';
import { assertGraph, type GraphNode } from './graph.ts';
import { SlotQueue } from './slot-queue.ts';

/** A node to schedule: one object, one step, or a batch of objects that go together. */
export interface ScheduleNode<Id extends string = string> extends GraphNode<Id> {
  /** Nodes of one group share the group's limit. */
  readonly group?: string;
  /** Runs when everything before it has ended, whatever became of it, also after a failure or a cancel. */
  readonly always?: boolean;
}

/** What became of a node's work. A rejected promise counts as `failed`. */
export type WorkResult =
  | { readonly state: 'succeeded' }
  | { readonly state: 'failed'; readonly error: DrError }
  | { readonly state: 'skipped' | 'waiting' | 'cancelled'; readonly reason: string };

/** How a node ended. `waiting` is not final for the run, but final for this schedule: a person is needed. */
export type NodeEnd<Id extends string = string> =
  | { readonly state: 'succeeded' }
  | { readonly state: 'failed'; readonly error: DrError }
  | { readonly state: 'skipped' | 'waiting' | 'cancelled'; readonly reason: string }
  /** Never started. `cause` is the node that failed, was cancelled or waits. */
  | { readonly state: 'blocked'; readonly reason: string; readonly cause: Id };

/** A node's change of state, told at once. */
export type NodeChange<Id extends string = string> = { readonly id: Id } & (
  | { readonly state: 'ready' | 'running' }
  | { readonly state: NodeEnd['state']; readonly end: NodeEnd<Id> }
);

export interface ScheduleOptions<Id extends string, N extends ScheduleNode<Id>> {
  readonly graph: readonly (N & ScheduleNode<Id>)[];
  readonly limits: {
    /** Most nodes that run at a time, 1 or more. */
    readonly total: number;
    /** Most nodes of each group that run at a time, 1 or more. Every group that a node names must be here. */
    readonly groups?: Readonly<Record<string, number>>;
  };
  /** Cancels: nothing new starts but `always` nodes, and running work gets the abort. */
  readonly signal: AbortSignal;
  /** Holds: nothing new starts but `always` nodes, what could have becomes `waiting` with this signal's reason, and running work goes on to its end. */
  readonly pause?: AbortSignal;
  /** Whether branches independent of a failed node still start nodes. Default true. */
  readonly keepGoing?: boolean;
  /**
   * Called when a node's needs are met and before it takes a slot, so that a question to a person holds nobody up. A result ends the node; its signal
   * also aborts when a failure or a pause stops the schedule.
   */
  readonly admit?: (node: N, signal: AbortSignal) => Promise<WorkResult | undefined>;
  /** Does the work of a node. The signal of an `always` node does not abort on cancel. */
  readonly work: (node: N, signal: AbortSignal) => Promise<WorkResult>;
  /** Must not throw. */
  readonly onChange?: (change: NodeChange<Id>) => void;
}

interface Entry<Id extends string, N> {
  readonly node: N & ScheduleNode<Id>;
  readonly dependents: Entry<Id, N>[];
  missing: number;
  phase: 'pending' | 'admitting' | 'queued' | 'running' | 'ended';
  end?: NodeEnd<Id>;
  /** The first node among its ancestors that did not do its part; passed on even by `always` nodes that ran. */
  root?: Root<Id>;
}

interface Root<Id> {
  readonly id: Id;
  readonly state: 'failed' | 'cancelled' | 'waiting';
}

/**
 * Runs a graph event by event: a node starts the moment its last need is satisfied and a slot is free, in the order in which nodes became ready. A need
 * is satisfied by success or skip. After a failure its descendants are blocked, with the failed node named; running nodes end by themselves. Resolves
 * when every node has an end; never rejects for what nodes do. Cost beside the work: O(V+E).
 *
 * Throws `INPUT_INVALID` for cycles and missing needs, and `BUG` for limits below 1 or a group without a limit.
 */
export async function schedule<Id extends string, N extends ScheduleNode<Id>>(options: ScheduleOptions<Id, N>): Promise<ReadonlyMap<Id, NodeEnd<Id>>> {
  assertGraph(options.graph, 'the schedule');
  checkLimits(options);
  return await new Scheduler<Id, N>(options).run();
}

class Scheduler<Id extends string, N extends ScheduleNode<Id>> {
  readonly #options: ScheduleOptions<Id, N>;
  readonly #entries: ReadonlyMap<Id, Entry<Id, N>>;
  readonly #slots: SlotQueue<Entry<Id, N>>;
  readonly #stop = new AbortController();
  readonly #never = new AbortController();
  readonly #finished = Promise.withResolvers<void>();
  /** Nodes with nothing before them left open, whose dependents have not been told of their end; a list, so that long chains do not recurse. */
  readonly #ended: Entry<Id, N>[] = [];
  #settling = false;
  #open: number;
  #stopRoot: Root<Id> | undefined;

  constructor(options: ScheduleOptions<Id, N>) {
    this.#options = options;
    this.#entries = link(options.graph);
    this.#open = this.#entries.size;
    this.#slots = new SlotQueue(options.limits.total, options.limits.groups ?? {});
  }

  async run(): Promise<ReadonlyMap<Id, NodeEnd<Id>>> {
    const onAbort = (): void => this.#cancel();
    this.#options.signal.addEventListener('abort', onAbort, { once: true });
    if (this.#options.signal.aborted) this.#cancel();
    const onPause = (): void => this.#pause();
    this.#options.pause?.addEventListener('abort', onPause, { once: true });
    for (const entry of this.#entries.values()) if (entry.missing === 0) this.#becomeReady(entry);
    this.#settle();
    if (this.#open > 0) await this.#finished.promise;
    this.#options.signal.removeEventListener('abort', onAbort);
    this.#options.pause?.removeEventListener('abort', onPause);
    return new Map([...this.#entries].map(([id, entry]) => [id, entry.end ?? lost(id)]));
  }

  #becomeReady(entry: Entry<Id, N>): void {
    if (entry.phase !== 'pending') return;
    entry.phase = 'admitting';
    this.#options.onChange?.({ id: entry.node.id, state: 'ready' });
    if (this.#options.admit === undefined) return this.#enqueue(entry);
    void this.#admit(entry, this.#options.admit);
  }

  async #admit(entry: Entry<Id, N>, admit: NonNullable<ScheduleOptions<Id, N>['admit']>): Promise<void> {
    const signal = entry.node.always === true ? this.#never.signal : this.#stop.signal;
    const result = await guarded(() => admit(entry.node, signal));
    if (result === undefined) this.#enqueue(entry);
    else this.#finish(entry, result);
  }

  #enqueue(entry: Entry<Id, N>): void {
    const end = entry.node.always === true ? undefined : this.#refusal();
    if (end !== undefined) return this.#finish(entry, end);
    entry.phase = 'queued';
    this.#slots.push(entry, entry.node.group);
    this.#startNext();
  }

  #startNext(): void {
    for (let entry = this.#slots.take(); entry !== undefined; entry = this.#slots.take()) {
      // Ended by a stop or a cancel while it waited in the queue.
      if (entry.phase === 'ended') this.#slots.release(entry.node.group);
      else void this.#start(entry);
    }
  }

  async #start(entry: Entry<Id, N>): Promise<void> {
    entry.phase = 'running';
    this.#options.onChange?.({ id: entry.node.id, state: 'running' });
    const signal = entry.node.always === true ? this.#never.signal : this.#options.signal;
    const result = await guarded(() => this.#options.work(entry.node, signal));
    this.#slots.release(entry.node.group);
    this.#finish(entry, result);
    this.#startNext();
  }

  /** Why a ready node may not start any more. */
  #refusal(): NodeEnd<Id> | undefined {
    if (this.#options.signal.aborted) return cancelled(this.#options.signal);
    if (this.#options.pause?.aborted === true) return paused(this.#options.pause);
    return this.#stopRoot === undefined ? undefined : blocked(this.#stopRoot, false);
  }

  #finish(entry: Entry<Id, N>, end: NodeEnd<Id>): void {
    this.#end(entry, end);
    if (end.state === 'failed' && this.#options.keepGoing === false) this.#stopAfter(entry);
    this.#settle();
  }

  #end(entry: Entry<Id, N>, end: NodeEnd<Id>): void {
    if (entry.phase === 'ended') return;
    entry.phase = 'ended';
    entry.end = end;
    if (end.state === 'failed' || end.state === 'cancelled' || end.state === 'waiting') entry.root = { id: entry.node.id, state: end.state };
    // A node may be blocked while another of its needs still runs; an `always` node behind it must not start beside that one.
    if (entry.missing === 0) this.#ended.push(entry);
    this.#open -= 1;
    this.#options.onChange?.({ id: entry.node.id, state: end.state, end });
  }

  /** Tells dependents of every node that has ended, until nothing more follows. */
  #settle(): void {
    if (this.#settling) return;
    this.#settling = true;
    for (let entry = this.#ended.pop(); entry !== undefined; entry = this.#ended.pop()) {
      for (const dependent of entry.dependents) this.#needEnded(dependent, entry);
    }
    this.#settling = false;
    if (this.#open === 0) this.#finished.resolve();
  }

  #needEnded(entry: Entry<Id, N>, need: Entry<Id, N>): void {
    entry.missing -= 1;
    if (need.root !== undefined && (entry.root === undefined || need.root.state === 'waiting')) entry.root = need.root;
    if (entry.phase === 'ended') {
      if (entry.missing === 0) this.#ended.push(entry);
      return;
    }
    const root = entry.root;
    // What waits for a person is not final: an `always` node behind it must run after the answer, not before.
    if (root !== undefined && (entry.node.always !== true || root.state === 'waiting')) this.#end(entry, blocked(root, true));
    else if (entry.missing === 0) this.#becomeReady(entry);
  }

  #stopAfter(failed: Entry<Id, N>): void {
    this.#stopRoot ??= { id: failed.node.id, state: 'failed' };
    this.#stop.abort(new DrError({ code: 'CANCELLED', message: `not started: '${failed.node.id}' failed` }));
    const root = this.#stopRoot;
    this.#settle();
    this.#endUnstarted(() => blocked(root, false));
  }

  #cancel(): void {
    this.#stop.abort(this.#options.signal.reason);
    this.#endUnstarted(() => cancelled(this.#options.signal));
    this.#settle();
  }

  /** What is being admitted is given up; what becomes ready later meets the refusal. */
  #pause(): void {
    const { pause } = this.#options;
    if (pause === undefined) return;
    this.#stop.abort(pause.reason);
    this.#endUnstarted(() => paused(pause), ['queued']);
    this.#settle();
  }

  #endUnstarted(end: () => NodeEnd<Id>, phases: readonly Entry<Id, N>['phase'][] = ['pending', 'queued']): void {
    for (const entry of this.#entries.values()) {
      if (phases.includes(entry.phase) && entry.node.always !== true) this.#end(entry, end());
    }
  }
}

function link<Id extends string, N extends ScheduleNode<Id>>(graph: readonly (N & ScheduleNode<Id>)[]): ReadonlyMap<Id, Entry<Id, N>> {
  const entries = new Map<Id, Entry<Id, N>>();
  for (const node of graph) entries.set(node.id, { node, dependents: [], missing: new Set(node.needs).size, phase: 'pending' });
  for (const entry of entries.values()) for (const need of new Set(entry.node.needs)) entries.get(need)?.dependents.push(entry);
  return entries;
}

async function guarded<T>(work: () => Promise<T>): Promise<T | { readonly state: 'failed'; readonly error: DrError }> {
  try {
    return await work();
  } catch (error) {
    return { state: 'failed', error: asDrError(error) };
  }
}

function paused(signal: AbortSignal): { readonly state: 'waiting'; readonly reason: string } {
  return { state: 'waiting', reason: signal.reason instanceof DrError ? signal.reason.message : 'paused before it started' };
}

function cancelled(signal: AbortSignal): { readonly state: 'cancelled'; readonly reason: string } {
  return { state: 'cancelled', reason: signal.reason instanceof DrError ? signal.reason.message : 'cancelled before it started' };
}

const VERB = { failed: 'failed', cancelled: 'was cancelled', waiting: 'waits for a person' } as const;

function blocked<Id extends string>(root: Root<Id>, descendant: boolean): NodeEnd<Id> {
  const relation = descendant ? 'needs' : 'not started because';
  return { state: 'blocked', reason: `${relation} '${root.id}'${descendant ? ', which' : ''} ${VERB[root.state]}`, cause: root.id };
}

function checkLimits<Id extends string, N extends ScheduleNode<Id>>({ graph, limits }: ScheduleOptions<Id, N>): void {
  const all = { total: limits.total, ...limits.groups };
  for (const [name, limit] of Object.entries(all)) if (!(limit >= 1)) throw bug(`limit '${name}' is ${limit}, it must be 1 or more`);
  for (const { id, group } of graph)
    if (group !== undefined && limits.groups?.[group] === undefined) throw bug(`'${id}' is in group '${group}', which has no limit`);
}

function bug(message: string): DrError {
  return new DrError({ code: 'BUG', message });
}

function lost(id: string): never {
  throw bug(`node '${id}' ended without a state`);
}
