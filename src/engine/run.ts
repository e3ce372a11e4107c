import { asDrError, DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import { journalAcceptances } from './acceptances.ts';
import type { StepNode } from './graph-types.ts';
import { GuardRun } from './guard-run.ts';
import { Inbox } from './inbox.ts';
import { recordError } from './recorded-error.ts';
import { nameSuccessor } from './replaced.ts';
import { kindOf } from './run-changes.ts';
import { groupLimits, type RunNode, type RunNodeId, runNodes } from './run-nodes.ts';
import type { RunResult } from './run-options.ts';
import type { RunScope } from './run-scope.ts';
import { openHolds, type RunEndState } from './run-state.ts';
import { type NodeChange, type NodeEnd, schedule, type WorkResult } from './schedule.ts';
import { journalSkips } from './skips.ts';
import { skipReason } from './step-input.ts';
import { StepRun } from './step-run.ts';

/** Most steps side by side when the caller does not say. */
const DEFAULT_CONCURRENCY = 32;

/** How a run came out, before it is put into a result. */
interface Ending {
  readonly state: RunEndState;
  readonly error?: DrError;
  readonly step?: StepId;
}

/**
 * Executes a run that is owned: schedules its steps, keeps saying that the owner is alive, and writes the final line. Never rejects for what steps, persons
 * or the store do: it is in the result. When the journal cannot be written, everything is aborted and there is no final line.
 */
export async function executeRun<P>(scope: RunScope<P>, resumed: boolean): Promise<RunResult> {
  return await new RunExecution(scope).execute(resumed);
}

class RunExecution<P> {
  readonly #scope: RunScope<P>;
  readonly #steps = new Map<StepId, StepRun<P>>();
  readonly #guards = new Map<StepId, GuardRun<P>>();
  /** Ends that the schedule decided and that are being recorded. */
  readonly #recording: Promise<unknown>[] = [];
  /** Steps that failed or wait, in the order in which they did. */
  readonly #stopped: StepId[] = [];
  readonly #cancel = new AbortController();

  constructor(scope: RunScope<P>) {
    this.#scope = scope;
    this.#prepareAll(scope.frozen.graph.nodes);
  }

  async execute(resumed: boolean): Promise<RunResult> {
    const { env, journal, frozen } = this.#scope;
    const startedMs = env.clock.monotonic();
    this.#listen(AbortSignal.any([env.signal, this.#scope.operator.cancelled]));
    const ended = new AbortController();
    const alive = journal.stayAlive(ended.signal);
    this.#tellStart(resumed);
    // A journal that cannot be written aborts everything that follows.
    await Promise.all([journalSkips(this.#scope), journalAcceptances(this.#scope)]).catch(() => undefined);
    const attended = new Inbox(this.#scope).attend(ended.signal);
    await this.#round(frozen.graph.nodes);
    while (this.#goesRound()) await this.#anotherRound();
    ended.abort();
    await Promise.all([alive, attended]);
    const ending = await this.#finish();
    await journal.close().catch(() => undefined);
    return this.#result({ ending, resumed, elapsedMs: env.clock.monotonic() - startedMs });
  }

  #tellStart(resumed: boolean): void {
    const steps = this.#scope.frozen.graph.nodes.map(({ id, summary, phase }) => ({ id, summary, phase }));
    this.#scope.emit({ type: 'run-started', resumed, steps });
  }

  /** Runs the nodes until each has an end. */
  async #round(nodes: readonly StepNode[]): Promise<void> {
    const ends = await this.#schedule(nodes);
    await Promise.all(this.#recording.splice(0));
    await this.#abandonGuards(ends);
  }

  /** Whether a person wants what did not succeed tried again, and nobody wants the run to stop. A no is the last word: nothing more is accepted. */
  #goesRound(): boolean {
    const { operator, journal } = this.#scope;
    const stops = operator.paused.aborted || this.#cancel.signal.aborted || journal.failed.aborted;
    if (!stops && operator.takeRound()) return true;
    operator.close();
    return false;
  }

  /** Does what a resume would do, in this process: everything that is not done gets its turn again, and what is done stands. */
  async #anotherRound(): Promise<void> {
    const open = this.#openNodes();
    this.#stopped.length = 0;
    this.#prepareAll(open);
    this.#tellStart(true);
    await this.#round(open);
  }

  /** Steps that are not done, and the guards of these. */
  #openNodes(): readonly StepNode[] {
    const { nodes } = this.#scope.frozen.graph;
    const isDone = (node: StepNode): boolean => {
      const state = this.#outcomeOf(node.id)?.result().state;
      return state === 'succeeded' || (state === 'skipped' && skipReason(this.#scope, node) !== undefined);
    };
    const open = new Set(nodes.filter((node) => !isDone(node)).map(({ id }) => id));
    return nodes.filter(({ id, guard }) => open.has(id) || guard?.protects.some((step) => open.has(step)) === true);
  }

  #prepareAll(nodes: readonly StepNode[]): void {
    const guards = nodes.filter((node) => node.guard !== undefined);
    const violations = new Map(guards.map((node) => [node.id, new AbortController()]));
    for (const node of nodes) this.#prepare(node, guards, violations);
  }

  #prepare(node: StepNode, guards: readonly StepNode[], violations: ReadonlyMap<StepId, AbortController>): void {
    const scope = this.#scope;
    const kind = kindOf(scope.env.catalogue, node);
    const own = violations.get(node.id);
    if (own !== undefined) {
      this.#guards.set(node.id, new GuardRun({ scope, node, kind, violation: own }));
      return;
    }
    const watching = guards.filter((guard) => guard.guard?.protects.includes(node.id) === true);
    const violated = watching.length === 0 ? undefined : AbortSignal.any(watching.flatMap((guard) => violations.get(guard.id)?.signal ?? []));
    this.#steps.set(node.id, new StepRun({ scope, node, kind, violated }));
  }

  /** Gives the abort a reason that can be shown, whatever the caller aborted with. */
  #listen(signal: AbortSignal): void {
    const abort = (): void => {
      const given: unknown = signal.reason;
      this.#cancel.abort(given instanceof DrError ? given : new DrError({ code: 'CANCELLED', message: 'the run was cancelled', cause: given }));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  }

  async #schedule(nodes: readonly StepNode[]): Promise<ReadonlyMap<RunNodeId, NodeEnd<RunNodeId>>> {
    const { env, frozen, operator } = this.#scope;
    return await schedule<RunNodeId, RunNode>({
      graph: runNodes(frozen.graph, nodes),
      limits: { total: env.concurrency ?? DEFAULT_CONCURRENCY, groups: groupLimits(frozen.graph) },
      signal: this.#cancel.signal,
      pause: operator.paused,
      keepGoing: frozen.graph.keepGoing,
      admit: async (node, signal) => (node.part === 'step' ? await this.#steps.get(node.step.id)?.admit(signal) : undefined),
      work: async (node, signal) => (await this.#work(node, signal)) ?? { state: 'succeeded' },
      onChange: (change) => this.#changed(change),
    });
  }

  async #work({ step, part }: RunNode, signal: AbortSignal): Promise<WorkResult | undefined> {
    if (part === 'step') return await this.#steps.get(step.id)?.work(signal);
    const guard = this.#guards.get(step.id);
    if (part === 'watch') return await guard?.start(signal);
    if (!this.#cancel.signal.aborted) return await guard?.finish();
    await guard?.abandon({ state: 'cancelled', reason: asDrError(this.#cancel.signal.reason).message });
    return undefined;
  }

  #changed(change: NodeChange<RunNodeId>): void {
    const outcome = this.#outcomeOf(change.id);
    if (outcome === undefined) return;
    if (!('end' in change)) {
      this.#scope.emit({ type: 'step-state', step: change.id as StepId, state: change.state });
      return;
    }
    if (change.state === 'failed' || change.state === 'waiting') this.#stopped.push(change.id as StepId);
    if (!outcome.isConcluded && change.state !== 'succeeded') this.#recording.push(outcome.conclude(change.end as NodeEnd<StepId>));
  }

  /** None for the end of a watch: the guard itself says how it ended. */
  #outcomeOf(id: RunNodeId): StepRun<P>['outcome'] | undefined {
    return (this.#steps.get(id as StepId) ?? this.#guards.get(id as StepId))?.outcome;
  }

  async #abandonGuards(ends: ReadonlyMap<RunNodeId, NodeEnd<RunNodeId>>): Promise<void> {
    for (const [id, guard] of this.#guards) {
      const end = ends.get(`${id}#end`);
      if (end !== undefined && end.state !== 'succeeded') await guard.abandon(end as NodeEnd<StepId>);
    }
  }

  /** Writes the final line and says how the run ended. */
  async #finish(): Promise<Ending> {
    const { journal } = this.#scope;
    const ending = this.#ending();
    if (journal.failed.aborted) return await this.#unrecorded(journal.failed.reason);
    try {
      const error = ending.error === undefined ? {} : { error: recordError(ending.error) };
      await journal.append({ type: 'ended', state: ending.state, ...error, held: openHolds(journal.state).length });
      return ending;
    } catch (error) {
      return await this.#unrecorded(error);
    }
  }

  /** The end of a run that has no final line, because its journal cannot be written or is somebody else's now. */
  async #unrecorded(reason: unknown): Promise<Ending> {
    const { env, frozen, ownership } = this.#scope;
    const error = await nameSuccessor({ store: env.store, run: frozen.id, ownership }, asDrError(reason));
    return { state: error.kind === 'cancelled' ? 'cancelled' : 'failed', error };
  }

  #ending(): Ending {
    const results = this.#results();
    const { paused } = this.#scope.operator;
    const stopped = this.#stopped.flatMap((id) => results.find((result) => result.id === id) ?? []);
    const failed = [...results.filter((result) => result.error?.code === 'GUARD_VIOLATED' && this.#guards.has(result.id)), ...stopped].filter(
      (result) => result.state === 'failed',
    );
    const waiting = stopped.filter((result) => result.state === 'waiting');
    if (this.#cancel.signal.aborted && results.some((result) => result.state === 'cancelled'))
      return { state: 'cancelled', error: asDrError(this.#cancel.signal.reason) };
    for (const [state, found] of [
      ['failed', failed[0]],
      ['waiting', waiting[0]],
    ] as const) {
      const error = state === 'waiting' && paused.aborted ? asDrError(paused.reason) : found?.error;
      if (found !== undefined) return { state, step: found.id, ...(error === undefined ? {} : { error }) };
    }
    return { state: 'succeeded' };
  }

  #results(): RunResult['steps'] {
    return this.#scope.frozen.graph.nodes.flatMap(({ id }) => this.#outcomeOf(id)?.result() ?? []);
  }

  #result({ ending, resumed, elapsedMs }: { readonly ending: Ending; readonly resumed: boolean; readonly elapsedMs: DurationMs }): RunResult {
    const { frozen, env, journal, emit } = this.#scope;
    emit({ type: 'run-ended', state: ending.state, elapsedMs });
    const { id: run, cluster } = frozen;
    return { run, cluster, ...ending, steps: this.#results(), holds: openHolds(journal.state), location: env.store.location, resumed, elapsedMs };
  }
}
