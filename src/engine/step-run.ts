import { asDrError, DrError } from '../errors/dr-error.ts';
import { askGate, type GateView, gateWaiting, isCovered, isPassed, viewOf } from './gates.ts';
import type { StepNode } from './graph-types.ts';
import { type GatedNode, gatedNode } from './overrides.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { WorkResult } from './schedule.ts';
import type { AnyStepKind, StepContext } from './step.ts';
import { readContext, stepContext } from './step-context.ts';
import { parseOutputs, resolveInput, skipReason } from './step-input.ts';
import { type Proof, StepOutcome } from './step-outcome.ts';
import { tryInTime } from './step-tries.ts';
import { settleUnknown } from './unknown-state.ts';

export interface StepRunOptions<P> {
  readonly scope: RunScope<P>;
  readonly node: StepNode;
  readonly kind: AnyStepKind<P>;
  /** Aborts, with the error as reason, when a guard of this step saw a violation; absent for a step without a guard. */
  readonly violated: AbortSignal | undefined;
}

/** One step under one owner: from its `if` to its outcome in the journal. */
export class StepRun<P> {
  readonly outcome: StepOutcome<P>;
  readonly #options: StepRunOptions<P>;
  #input: unknown;
  /** What was shown when this step's gate was decided. */
  #agreed: GateView | undefined;

  constructor(options: StepRunOptions<P>) {
    this.#options = options;
    this.outcome = new StepOutcome(options.scope, options.node);
  }

  /** Decides, without holding a slot, whether the step is to run: its `if`, its input, its gate. A result ends it. */
  async admit(signal: AbortSignal): Promise<WorkResult | undefined> {
    const { scope, node, kind } = this.#options;
    return await this.#concluding(signal, async (all) => {
      const skipped = skipReason(scope, node);
      if (skipped !== undefined) return { state: 'skipped', reason: skipped };
      this.#input = resolveInput(scope, node, kind);
      const gated = gatedNode(scope, node);
      if (gated === undefined) return undefined;
      await tryInTime(scope, node, { signal: all, attempt: (timed, inner) => this.#passGateUnlessDone(timed, gated, inner) });
      return this.#leftOut();
    });
  }

  /** Looks, does and proves. */
  async work(signal: AbortSignal): Promise<WorkResult> {
    const { scope, node } = this.#options;
    this.outcome.start();
    const result = await this.#concluding(signal, async (all) => {
      const proof = await tryInTime(scope, node, { signal: all, attempt: (timed, inner, number) => this.#try(timed, inner, number) });
      if (proof === undefined) return this.#leftOut();
      this.outcome.prove(proof);
      return { state: 'succeeded' };
    });
    return result ?? { state: 'cancelled', reason: 'cancelled as it started' };
  }

  /** The end of a step that a person left out while its gate was being asked about. */
  #leftOut(): WorkResult | undefined {
    const reason = skipReason(this.#options.scope, this.#options.node);
    return reason === undefined ? undefined : { state: 'skipped', reason };
  }

  /** Runs a part of the step's life; whatever it throws becomes an end. */
  async #concluding(signal: AbortSignal, part: (all: AbortSignal) => Promise<WorkResult | undefined>): Promise<WorkResult | undefined> {
    const { scope, violated } = this.#options;
    const stopping = scope.stopping(signal);
    const all = violated === undefined ? stopping : AbortSignal.any([stopping, violated]);
    try {
      all.throwIfAborted();
      const result = await part(all);
      return result === undefined ? undefined : await this.outcome.conclude(result);
    } catch (thrown) {
      return await this.#concludeThrown(thrown, signal);
    }
  }

  /** Records the end that a throw means. None when the schedule stopped a step that had not begun: it knows whether that is blocked or cancelled. */
  async #concludeThrown(thrown: unknown, signal: AbortSignal): Promise<WorkResult | undefined> {
    const { scope, violated } = this.#options;
    const broken = scope.journal.failed.aborted ? scope.journal.failed.reason : violated?.aborted === true ? violated.reason : undefined;
    const error = asDrError(broken ?? thrown);
    if (broken === undefined && signal.aborted) {
      return this.outcome.hasStarted ? await this.outcome.conclude({ state: 'cancelled', reason: error.message }) : undefined;
    }
    if (error.kind === 'waiting') return await this.outcome.conclude({ state: 'waiting', reason: error.message }, error);
    return await this.outcome.conclude({ state: 'failed', error }, error);
  }

  /** None when a person left the step out at its gate. */
  async #try(scope: RunScope<P>, signal: AbortSignal, number: number): Promise<Proof | undefined> {
    const { node, kind } = this.#options;
    const parts = { scope, step: node.id, with: this.#input, signal };
    const write = stepContext(parts, { effects: kind.effects, spool: this.outcome.spool, progress: this.outcome.progress });
    const seen = await kind.observe(readContext(parts));
    scope.journal.note({ type: 'step-observed', step: node.id, state: seen.state, evidence: seen.evidence });
    if (seen.state === 'present') {
      const outputs = parseOutputs(node.id, kind, seen.outputs);
      if (recordOf(scope, node.id).verified) return { outputs, evidence: seen.evidence, found: true };
      return { ...(await this.#verify(write)), found: true };
    }
    if (seen.state === 'unknown') await settleUnknown(scope, { step: node.id, what: `step '${node.id}'`, evidence: seen.evidence }, signal);
    const gated = gatedNode(scope, node);
    if (gated !== undefined) await this.#passGate(scope, gated, signal);
    if (this.#leftOut() !== undefined) return undefined;
    await scope.journal.append({ type: 'step-started', step: node.id, try: number });
    await kind.execute(write);
    return { ...(await this.#verify(write)), found: false };
  }

  async #verify(context: StepContext<unknown, P>): Promise<Omit<Proof, 'found'>> {
    const { node, kind } = this.#options;
    const verification = await kind.verify(context);
    if (verification.ok) return { outputs: parseOutputs(node.id, kind, verification.outputs), evidence: verification.evidence };
    throw new DrError({
      code: 'VERIFY_FAILED',
      message: `step '${node.id}' is not proven: ${verification.reason}`,
      details: { step: node.id, evidence: verification.evidence },
    });
  }

  /** A decision of an earlier owner for something that is done needs no comparing, because nothing will be done; unless it was done with another input. */
  async #passGateUnlessDone(scope: RunScope<P>, gated: GatedNode, signal: AbortSignal): Promise<void> {
    const read = readContext({ scope, step: gated.id, with: this.#input, signal });
    const done = isPassed(scope, gated) && recordOf(scope, gated.id).changed !== true && (await this.#options.kind.observe(read)).state === 'present';
    if (!done) await this.#passGate(scope, gated, signal);
  }

  /**
   * Lets the step through its gate: decisions that were shown what the step would do now stand, otherwise somebody is asked. Looked at before every try: it has
   * waited for a slot since the gate was decided, or for its next try, and the world may be another one.
   */
  async #passGate(scope: RunScope<P>, gated: GatedNode, signal: AbortSignal): Promise<void> {
    const view = viewOf(scope, gated, await this.#options.kind.plan(readContext({ scope, step: gated.id, with: this.#input, signal })));
    if (this.#agreed !== undefined && isCovered(scope, gated, { now: view, agreed: this.#agreed })) return;
    if (!isPassed(scope, gated, view.shown) && (await askGate(scope, gated, { view, signal })) === 'waiting') throw gateWaiting(scope, gated);
    this.#agreed = view;
  }
}
