import { asDrError, type DrError, isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import { EvidenceSpool } from './evidence-spool.ts';
import type { StepNode } from './graph-types.ts';
import type { EntryBody, EvidenceFile } from './journal-entries.ts';
import { ProgressThrottle } from './progress-throttle.ts';
import { recordError } from './recorded-error.ts';
import type { StepResult } from './run-options.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { NodeEnd } from './schedule.ts';

/** A store that takes lines but no evidence, for as many times its own patience, has another fault than being away. */
const SEAL_TRIES = 5;

/** What a step that succeeded has to show. */
export interface Proof {
  readonly outputs: JsonObject;
  readonly evidence: JsonObject;
  /** Found done: nothing was executed. */
  readonly found: boolean;
}

/** How one step ends under one owner: collects what it has to show, and records its end exactly once, in the journal before in the view. */
export class StepOutcome<P> {
  readonly spool: EvidenceSpool;
  readonly progress: ProgressThrottle;
  readonly #scope: RunScope<P>;
  readonly #node: StepNode;
  #startedMs: DurationMs | undefined;
  #elapsedMs: DurationMs = 0;
  #end: NodeEnd<StepId> | undefined;
  #error: DrError | undefined;
  #proof: Proof | undefined;

  constructor(scope: RunScope<P>, node: StepNode) {
    this.#scope = scope;
    this.#node = node;
    this.spool = new EvidenceSpool({ store: scope.env.store, run: scope.frozen.id, step: node.id, ownership: scope.ownership });
    this.progress = new ProgressThrottle(scope.env.clock, (progress) => scope.emit({ type: 'step-progress', step: node.id, progress }));
  }

  get isConcluded(): boolean {
    return this.#end !== undefined;
  }

  get hasStarted(): boolean {
    return this.#startedMs !== undefined;
  }

  /** Starts the clock of the step. */
  start(): void {
    this.#startedMs ??= this.#scope.env.clock.monotonic();
  }

  /** Keeps what the step has to show until it is concluded. */
  prove(proof: Proof): void {
    this.#proof = proof;
  }

  /**
   * Records the end and gives it back. When the journal cannot be written the step counts as failed with that error, whatever it came to: a resume has to
   * look. `error` is why it failed or waits.
   */
  async conclude<E extends NodeEnd<StepId>>(end: E, error?: DrError): Promise<E | Extract<NodeEnd, { state: 'failed' }>> {
    this.#end = end;
    this.#error = error;
    this.progress.close();
    if (this.#startedMs !== undefined) this.#elapsedMs = this.#scope.env.clock.monotonic() - this.#startedMs;
    try {
      // An owner that was replaced, or cannot write, leaves no evidence either.
      this.#scope.journal.failed.throwIfAborted();
      await this.#scope.journal.append(await this.#entryOf(end));
    } catch (failure) {
      const failed = { state: 'failed', error: asDrError(failure) } as const;
      this.#end = failed;
      this.#error = failed.error;
      return failed;
    }
    if (end.state === 'succeeded') this.#scope.outputs.set(this.#node.id, this.#proof?.outputs ?? {});
    this.#emit(end);
    return end;
  }

  /** For the run's result. */
  result(): StepResult {
    const { id, summary, phase } = this.#node;
    const end = this.#end;
    const reason = end === undefined ? undefined : reasonOf(end, this.#proof, this.#attested);
    const skip = end?.state === 'skipped' ? recordOf(this.#scope, id).skip : undefined;
    return {
      id,
      summary,
      phase,
      state: end?.state ?? 'pending',
      found: this.#proof?.found ?? false,
      attested: this.#attested && end?.state === 'succeeded',
      elapsedMs: this.#elapsedMs,
      ...(skip?.override === true ? { overridden: `${skip.by}: ${skip.reason}` } : {}),
      ...(reason === undefined ? {} : { reason }),
      ...(end?.state === 'succeeded' && this.#proof !== undefined ? { outputs: this.#proof.outputs } : {}),
      ...(this.#error === undefined ? {} : { error: this.#error }),
    };
  }

  /** Rests on a person's statement, so it is shown as attested and never as verified. */
  get #attested(): boolean {
    return this.#node.gate?.attest !== undefined;
  }

  async #entryOf(end: NodeEnd<StepId>): Promise<EntryBody> {
    const step = this.#node.id;
    if (end.state === 'skipped') return { type: 'step-skipped', step, reason: end.reason };
    if (end.state === 'blocked') return { type: 'step-blocked', step, reason: end.reason, cause: end.cause };
    const file = await this.#seal();
    const log = file === undefined ? {} : { log: file };
    if (end.state === 'failed') return { type: 'step-failed', step, error: recordError(end.error), ...log };
    if (end.state !== 'succeeded') return { type: `step-${end.state}`, step, reason: end.reason, ...log };
    const { outputs = {}, evidence = {}, found = false } = this.#proof ?? {};
    return { type: 'step-succeeded', step, outputs, evidence, found, attested: this.#attested, ...log };
  }

  /** A store that is away is waited for, as with every line: once one gets through, what the step saw is put beside it. */
  async #seal(): Promise<EvidenceFile | undefined> {
    for (let number = 1; ; number += 1) {
      try {
        return await this.spool.seal();
      } catch (error) {
        if (number === SEAL_TRIES || !isDrError(error, 'STORE_UNAVAILABLE')) throw error;
        await this.#scope.journal.append({ type: 'alive' });
      }
    }
  }

  #emit(end: NodeEnd<StepId>): void {
    const reason = reasonOf(end, this.#proof, this.#attested);
    const evidence = this.#proof === undefined ? {} : { evidence: this.#proof.evidence };
    const elapsed = this.#startedMs === undefined ? {} : { elapsedMs: this.#elapsedMs };
    this.#scope.emit({ type: 'step-state', step: this.#node.id, state: end.state, ...elapsed, ...(reason === undefined ? {} : { reason }), ...evidence });
  }
}

function reasonOf(end: NodeEnd<StepId>, proof: Proof | undefined, attested: boolean): string | undefined {
  if (end.state === 'failed') return end.error.message;
  if (end.state !== 'succeeded') return end.reason;
  if (attested) return 'attested';
  return proof?.found === true ? 'found done' : undefined;
}
