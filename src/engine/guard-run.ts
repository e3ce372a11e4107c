import { asDrError, DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';
import { ABORT_GRACE_MS } from './deadline.ts';
import type { StepNode } from './graph-types.ts';
import type { RunScope } from './run-scope.ts';
import type { NodeEnd, WorkResult } from './schedule.ts';
import type { AnyStepKind, StepContext } from './step.ts';
import { stepContext } from './step-context.ts';
import { parseOutputs, resolveInput, skipReason } from './step-input.ts';
import { type Proof, StepOutcome } from './step-outcome.ts';
import { tryInTime } from './step-tries.ts';

export interface GuardRunOptions<P> {
  readonly scope: RunScope<P>;
  readonly node: StepNode;
  readonly kind: AnyStepKind<P>;
  /** Gets the abort, with the error as reason, when a violation is seen. */
  readonly violation: AbortController;
}

/**
 * A guard under one owner. `start` looks once (`verify`) and begins to watch (`execute`, until its signal aborts); only then may the protected steps
 * start. `finish`, once they are final, ends the watch and looks a last time. A look that fails and a watch that throws, or ends by itself, are
 * violations: running protected steps are aborted and no further one starts. A guard is never done already, so every owner watches anew.
 */
export class GuardRun<P> {
  readonly outcome: StepOutcome<P>;
  readonly #options: GuardRunOptions<P>;
  readonly #stop = new AbortController();
  #input: unknown;
  #watch: Promise<void> | undefined;

  constructor(options: GuardRunOptions<P>) {
    this.#options = options;
    this.outcome = new StepOutcome(options.scope, options.node);
  }

  /** Decides whether there is anything to guard, looks, and begins to watch. `succeeded` means that the watch is on. */
  async start(signal: AbortSignal): Promise<WorkResult> {
    const { scope, node, kind } = this.#options;
    this.outcome.start();
    try {
      const skipped = skipReason(scope, node);
      if (skipped !== undefined) return await this.outcome.conclude({ state: 'skipped', reason: skipped });
      this.#input = resolveInput(scope, node, kind);
      await this.#look(AbortSignal.any([scope.journal.failed, signal]));
      await scope.journal.append({ type: 'step-started', step: node.id, try: 1 });
    } catch (thrown) {
      const error = asDrError(thrown);
      return signal.aborted ? await this.outcome.conclude({ state: 'cancelled', reason: error.message }) : await this.#fail(error);
    }
    this.#watch = this.#keepWatch();
    return { state: 'succeeded' };
  }

  /** Ends the watch and looks a last time; what the schedule made of a guard that never watched stands. */
  async finish(): Promise<WorkResult> {
    await this.#endWatch();
    const { scope, violation } = this.#options;
    if (this.outcome.isConcluded || this.#watch === undefined) return { state: 'succeeded' };
    if (violation.signal.aborted) return await this.#fail(asDrError(violation.signal.reason));
    try {
      this.outcome.prove(await this.#look(scope.journal.failed));
      return await this.outcome.conclude({ state: 'succeeded' });
    } catch (thrown) {
      return await this.#fail(asDrError(thrown));
    }
  }

  /** Ends the watch because the run stops before the protected steps are final. A violation seen until then is the end, otherwise the given one. */
  async abandon(end: NodeEnd<StepId>): Promise<void> {
    await this.#endWatch();
    if (this.outcome.isConcluded) return;
    const { signal } = this.#options.violation;
    if (signal.aborted) await this.#fail(asDrError(signal.reason));
    else await this.outcome.conclude(end);
  }

  async #endWatch(): Promise<void> {
    const { clock } = this.#options.scope.env;
    this.#stop.abort(new DrError({ code: 'CANCELLED', message: 'what the guard protects has ended' }));
    const ended = new AbortController();
    const tooLong = clock.sleep(ABORT_GRACE_MS, ended.signal).catch(() => undefined);
    await Promise.race([this.#watch, tooLong]);
    ended.abort();
  }

  async #fail(error: DrError): Promise<WorkResult> {
    this.#options.violation.abort(error);
    return await this.outcome.conclude({ state: 'failed', error }, error);
  }

  /** Never rejects: a violation goes to the controller, from where the protected steps and `finish` have it. */
  async #keepWatch(): Promise<void> {
    const { scope, kind, violation } = this.#options;
    const signal = AbortSignal.any([this.#stop.signal, scope.journal.failed]);
    try {
      await kind.execute(this.#context(scope, signal));
      if (!signal.aborted) violation.abort(this.#violated('it stopped watching by itself'));
    } catch (thrown) {
      const error = asDrError(thrown);
      if (!signal.aborted) violation.abort(error.code === 'GUARD_VIOLATED' ? error : this.#violated(error.message, error));
    }
  }

  async #look(signal: AbortSignal): Promise<Proof> {
    const { scope, node, kind } = this.#options;
    const verification = await tryInTime(scope, node, { signal, attempt: (timed, inner) => kind.verify(this.#context(timed, inner)) });
    if (!verification.ok) throw this.#violated(verification.reason);
    return { outputs: parseOutputs(node.id, kind, verification.outputs), evidence: verification.evidence, found: false };
  }

  #context(scope: RunScope<P>, signal: AbortSignal): StepContext<unknown, P> {
    const { node, kind } = this.#options;
    return stepContext(
      { scope, step: node.id, with: this.#input, signal },
      { effects: kind.effects, spool: this.outcome.spool, progress: this.outcome.progress },
    );
  }

  #violated(reason: string, cause?: DrError): DrError {
    const { id, guard } = this.#options.node;
    return new DrError({
      code: 'GUARD_VIOLATED',
      message: `guard '${id}' stopped ${(guard?.protects ?? []).join(', ')}: ${reason}`,
      details: { step: id, ...(cause === undefined ? {} : { cause: cause.code, ...cause.details }) },
      suggestions: cause?.suggestions ?? [],
      cause,
    });
  }
}
