import { asDrError, DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonSafe, JsonValue } from '../model/json.ts';
import { withDeadline } from './deadline.ts';
import { recordError } from './recorded-error.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { Effect, EffectDeclaration } from './step.ts';
import { effectId } from './step-record.ts';
import { settleUnknown } from './unknown-state.ts';

export interface EffectRunnerOptions<P> {
  readonly scope: RunScope<P>;
  readonly step: StepId;
  readonly declared: readonly EffectDeclaration[];
  readonly signal: AbortSignal;
}

/**
 * Runs the sub-effects of one step, each at most once over all resumes of the run. Before the call an intent with its deadline is durable, after it the
 * outcome. An intent without a good outcome, of a dead owner or of a failed try, means that it may have happened: the world is asked first. So it is by every
 * owner but the first, also without an intent: a chain cannot show that its last lines were lost, by a disk that lied or a file cut short.
 */
export class EffectRunner<P> {
  readonly #options: EffectRunnerOptions<P>;
  readonly #running = new Set<string>();

  constructor(options: EffectRunnerOptions<P>) {
    this.#options = options;
  }

  /** The effect's result, its own or the recorded one. Throws what it throws, `STEP_UNKNOWN`, or `BUG` for an undeclared name or a key used twice at once. */
  async run<T extends JsonValue>(effect: Effect<T>): Promise<JsonSafe<T>> {
    const id = effectId(effect);
    this.#assertProper(effect, id);
    this.#running.add(id);
    try {
      const record = recordOf(this.#options.scope, this.#options.step).effects.get(id);
      if (record?.state === 'done') return this.#recorded(effect, record.result as JsonSafe<T>);
      const found = record === undefined ? await this.#findUnrecorded(effect) : await this.#find(effect);
      return found === undefined ? await this.#perform(effect) : found.result;
    } finally {
      this.#running.delete(id);
    }
  }

  #assertProper<T extends JsonValue>(effect: Effect<T>, id: string): void {
    const { step, declared } = this.#options;
    if (!declared.some((declaration) => declaration.name === effect.name)) {
      throw new DrError({ code: 'BUG', message: `step '${step}' performs the effect '${effect.name}', which its kind does not declare` });
    }
    if (this.#running.has(id)) throw new DrError({ code: 'BUG', message: `step '${step}' performs the effect '${id}' twice at once` });
  }

  #recorded<T>(effect: Effect<JsonValue>, result: T): T {
    this.#emit(effect, 'found-done');
    return result;
  }

  /** Of an effect that the journal says nothing about nobody can be asked: what the world does not tell has not been begun. */
  async #findUnrecorded<T extends JsonValue>(effect: Effect<T>): Promise<{ readonly result: JsonSafe<T> } | undefined> {
    const check = this.#options.scope.ownership === 1 ? undefined : await effect.check();
    return check?.state === 'done' ? await this.#foundDone(effect, check.result) : undefined;
  }

  async #foundDone<T extends JsonValue>(effect: Effect<T>, result: JsonSafe<T>): Promise<{ readonly result: JsonSafe<T> }> {
    await this.#journalDone(effect, result, true);
    this.#emit(effect, 'found-done');
    return { result };
  }

  /** Asks the world whether it has happened; `undefined` when it has to be done. */
  async #find<T extends JsonValue>(effect: Effect<T>): Promise<{ readonly result: JsonSafe<T> } | undefined> {
    const { scope, step, signal } = this.#options;
    const check = await effect.check();
    if (check.state === 'done') return await this.#foundDone(effect, check.result);
    const what = `effect '${effectId(effect)}' of step '${step}'`;
    if (check.state === 'unknown') await settleUnknown(scope, { step, what, evidence: check.evidence }, signal);
    return undefined;
  }

  async #perform<T extends JsonValue>(effect: Effect<T>): Promise<JsonSafe<T>> {
    const { scope, step, signal } = this.#options;
    const { clock } = scope.env;
    const late = (): DrError =>
      new DrError({ code: 'STEP_TIMEOUT', message: `effect '${effectId(effect)}' of step '${step}' did not end within ${effect.timeoutMs} ms` });
    signal.throwIfAborted();
    const timeoutMs = await this.#intend(effect);
    this.#emit(effect, 'started');
    let result: JsonSafe<T>;
    try {
      result = await withDeadline({ clock, signal, timeoutMs, late, work: (inner) => effect.run(inner) });
    } catch (error) {
      await this.#fail(effect, error);
      throw error;
    }
    await this.#journalDone(effect, result, false);
    this.#emit(effect, 'done');
    return result;
  }

  /**
   * Makes the intent durable and gives what is then left of the effect's time: whoever takes the run over waits for the deadline in the intent, so it counts
   * from before. An effect that is not begun after all, because its step was aborted meanwhile or the intent came too late, takes the intent back.
   */
  async #intend(effect: Effect<JsonValue>): Promise<DurationMs> {
    const { scope, step, signal } = this.#options;
    const { name, key, timeoutMs } = effect;
    const { clock } = scope.env;
    const sinceMs = clock.monotonic();
    try {
      await scope.journal.append({ type: 'effect-intent', step, name, key, deadline: new Date(clock.now() + timeoutMs).toISOString() });
      signal.throwIfAborted();
      const leftMs = timeoutMs - (clock.monotonic() - sinceMs);
      if (leftMs > 0) return leftMs;
    } catch (error) {
      if (!scope.journal.failed.aborted) await scope.journal.append({ type: 'effect-unstarted', step, name, key });
      throw error;
    }
    await scope.journal.append({ type: 'effect-unstarted', step, name, key });
    throw new DrError({
      code: 'STEP_TIMEOUT',
      message: `the intent of effect '${effectId(effect)}' of step '${step}' took longer to be written than the ${timeoutMs} ms the effect may take`,
      retry: 'retryable',
    });
  }

  async #fail(effect: Effect<JsonValue>, error: unknown): Promise<void> {
    const { scope, step } = this.#options;
    this.#emit(effect, 'failed');
    if (scope.journal.failed.aborted) return;
    await scope.journal.append({ type: 'effect-failed', step, name: effect.name, key: effect.key, error: recordError(asDrError(error)) });
  }

  async #journalDone(effect: Effect<JsonValue>, result: JsonValue | undefined, found: boolean): Promise<void> {
    const { scope, step } = this.#options;
    // `undefined` is no JSON; an effect without a result has the result null.
    await scope.journal.append({ type: 'effect-done', step, name: effect.name, key: effect.key, result: result ?? null, found });
  }

  #emit(effect: Effect<JsonValue>, state: 'started' | 'done' | 'found-done' | 'failed'): void {
    this.#options.scope.emit({ type: 'effect', step: this.#options.step, name: effect.name, key: effect.key, state });
  }
}
