import { asDrError, DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject, JsonSafe, JsonValue } from '../model/json.ts';
import { withDeadline } from './deadline.ts';
import type { RunEvent } from './events.ts';
import { recordError } from './recorded-error.ts';
import { type RunScope, recordOf } from './run-scope.ts';
import type { Effect, EffectDeclaration } from './step.ts';
import { effectId } from './step-record.ts';
import { settleUnknown } from './unknown-state.ts';

type EffectEvent = Extract<RunEvent, { type: 'effect' }>;

export interface EffectRunnerOptions<P> {
  readonly scope: RunScope<P>;
  readonly step: StepId;
  readonly declared: readonly EffectDeclaration[];
  readonly signal: AbortSignal;
}

/** Something is known of the effect from before: what came of it, if anything did. */
interface Known<T> {
  /** Absent for an intent without a good outcome. */
  readonly recorded?: { readonly result: JsonSafe<T> };
}

/**
 * Runs the sub-effects of one try of a step, each once over all resumes of the run. Before the call an intent with its deadline is durable, after it the
 * outcome. An intent without a good outcome, of a dead owner or of a failed try, means that it may have happened: the world is asked first. So it is by every
 * owner but the first, also without an intent: a chain cannot show that its last lines were lost, by a disk that lied or a file cut short. An outcome of an
 * earlier try is a hint too: the world may have gone back since (a person, a restored snapshot), and then the effect is done again. What this try has done or
 * found stands to its end, so that nothing is asked of a world that is still settling from it.
 */
export class EffectRunner<P> {
  readonly #options: EffectRunnerOptions<P>;
  readonly #running = new Set<string>();
  /** Results of what this try has done or found done. */
  readonly #settled = new Map<string, JsonValue>();

  constructor(options: EffectRunnerOptions<P>) {
    this.#options = options;
  }

  /** The effect's result, its own or the recorded one. Throws what it throws, `STEP_UNKNOWN`, or `BUG` for an undeclared name or a key used twice at once. */
  async run<T extends JsonValue>(effect: Effect<T>): Promise<JsonSafe<T>> {
    const id = effectId(effect);
    this.#assertProper(effect, id);
    if (this.#settled.has(id)) return this.#settled.get(id) as JsonSafe<T>;
    this.#running.add(id);
    try {
      const result = await this.#settle(effect, id);
      // `undefined` is no JSON; an effect without a result has the result null.
      this.#settled.set(id, result ?? null);
      return result;
    } finally {
      this.#running.delete(id);
    }
  }

  async #settle<T extends JsonValue>(effect: Effect<T>, id: string): Promise<JsonSafe<T>> {
    const record = recordOf(this.#options.scope, this.#options.step).effects.get(id);
    if (record === undefined) {
      const found = await this.#findUnrecorded(effect);
      return found === undefined ? await this.#perform(effect) : found.result;
    }
    return await this.#lookAgain(effect, record.state === 'done' ? { recorded: { result: record.result as JsonSafe<T> } } : {});
  }

  #assertProper<T extends JsonValue>(effect: Effect<T>, id: string): void {
    const { step, declared } = this.#options;
    if (!declared.some((declaration) => declaration.name === effect.name)) {
      throw new DrError({ code: 'BUG', message: `step '${step}' performs the effect '${effect.name}', which its kind does not declare` });
    }
    if (this.#running.has(id)) throw new DrError({ code: 'BUG', message: `step '${step}' performs the effect '${id}' twice at once` });
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

  /** Asks the world what has become of an effect that was begun or done before, and does it when it has to be done. */
  async #lookAgain<T extends JsonValue>(effect: Effect<T>, { recorded }: Known<T>): Promise<JsonSafe<T>> {
    const { scope, step, signal } = this.#options;
    const check = await effect.check(recorded);
    if (check.state === 'done') {
      if (recorded === undefined) return (await this.#foundDone(effect, check.result)).result;
      this.#emit(effect, 'found-done');
      return recorded.result;
    }
    const what = `effect '${effectId(effect)}' of step '${step}'${recorded === undefined ? '' : ', which was done before,'}`;
    if (check.state === 'unknown') await settleUnknown(scope, { step, what, evidence: check.evidence }, signal);
    return await this.#perform(effect, recorded === undefined ? undefined : check.evidence);
  }

  /** `undone`: what the world shows in place of what is on record as done. */
  async #perform<T extends JsonValue>(effect: Effect<T>, undone?: JsonObject): Promise<JsonSafe<T>> {
    const { scope, step, signal } = this.#options;
    const { clock } = scope.env;
    const late = (): DrError =>
      new DrError({ code: 'STEP_TIMEOUT', message: `effect '${effectId(effect)}' of step '${step}' did not end within ${effect.timeoutMs} ms` });
    signal.throwIfAborted();
    const timeoutMs = await this.#intend(effect, undone);
    this.#emit(effect, undone === undefined ? 'started' : 'found-undone');
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
  async #intend(effect: Effect<JsonValue>, undone: JsonObject | undefined): Promise<DurationMs> {
    const { scope, step, signal } = this.#options;
    const { name, key, timeoutMs } = effect;
    const { clock } = scope.env;
    const sinceMs = clock.monotonic();
    try {
      const deadline = new Date(clock.now() + timeoutMs).toISOString();
      await scope.journal.append({ type: 'effect-intent', step, name, key, deadline, ...(undone === undefined ? {} : { undone }) });
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
    await scope.journal.append({ type: 'effect-done', step, name: effect.name, key: effect.key, result: result ?? null, found });
  }

  #emit(effect: Effect<JsonValue>, state: EffectEvent['state']): void {
    this.#options.scope.emit({ type: 'effect', step: this.#options.step, name: effect.name, key: effect.key, state });
  }
}
