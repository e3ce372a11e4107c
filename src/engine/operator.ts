import type { DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';

/** A gate that is being asked about. Several may answer it at once, here and elsewhere; one at a time is recorded, and each sees what the others did. */
export class StandingQuestion {
  #recorded = Promise.withResolvers<void>();
  #isBusy = false;

  /** Begins to look out for decisions. Called before the journal is read, so that none falls between. */
  watch(): void {
    this.#recorded = Promise.withResolvers<void>();
  }

  /** Resolves when a decision has been recorded since `watch`. */
  get recorded(): Promise<void> {
    return this.#recorded.promise;
  }

  /** Begins to record a decision. False while another one is being recorded: what it comes to is to be looked at first. */
  begin(): boolean {
    if (this.#isBusy) return false;
    this.#isBusy = true;
    return true;
  }

  /** What was begun is in the journal, or has failed. */
  end(): void {
    this.#isBusy = false;
    this.#recorded.resolve();
  }
}

/** Where what persons ask for meets the run under one owner: standing questions, waits between tries, pause, cancel, and another round of the schedule. */
export class Operator {
  readonly #questions = new Map<StepId, StandingQuestion>();
  readonly #waits = new Map<StepId, AbortController>();
  readonly #pause = new AbortController();
  readonly #cancel = new AbortController();
  readonly #overrides = new Map<StepId, 'new' | 'standing'>();
  readonly #spentFlags = new Set<StepId>();
  #wantsRound = false;
  #isClosed = false;

  /** Aborts, with the error that ends the run as reason, when a person has paused it. */
  get paused(): AbortSignal {
    return this.#pause.signal;
  }

  /** Aborts, with `CANCELLED` as reason, when a person elsewhere has cancelled the run. */
  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  pause(reason: DrError): void {
    this.#pause.abort(reason);
  }

  cancel(reason: DrError): void {
    this.#cancel.abort(reason);
  }

  /** Opens the question of a step to answers from elsewhere. */
  stand(step: StepId): StandingQuestion {
    const question = new StandingQuestion();
    this.#questions.set(step, question);
    return question;
  }

  withdraw(step: StepId): void {
    this.#questions.delete(step);
  }

  questionOf(step: StepId): StandingQuestion | undefined {
    return this.#questions.get(step);
  }

  /** Waits between two tries of a step, or until a person wants the next one now. Rejects with the signal's reason. */
  async waitForTry(step: StepId, signal: AbortSignal, wait: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const woken = new AbortController();
    this.#waits.set(step, woken);
    try {
      await wait(AbortSignal.any([signal, woken.signal]));
    } catch (error) {
      if (signal.aborted || !woken.signal.aborted) throw error;
    } finally {
      this.#waits.delete(step);
    }
  }

  /** Whether a step waits for its next try. */
  isBetweenTries(step: StepId): boolean {
    return this.#waits.has(step);
  }

  /** Ends the wait of a step for its next try. */
  endWait(step: StepId): void {
    this.#waits.get(step)?.abort();
  }

  /** Has what did not succeed tried again once what runs has ended. */
  wantRound(): void {
    this.#wantsRound = true;
  }

  /** Whether another round is wanted; it is then taken as begun. */
  takeRound(): boolean {
    const wanted = this.#wantsRound;
    this.#wantsRound = false;
    return wanted;
  }

  /** Notes that the decision which this process was given by a flag for a step has decided. */
  spendFlag(step: StepId): void {
    this.#spentFlags.add(step);
  }

  isFlagSpent(step: StepId): boolean {
    return this.#spentFlags.has(step);
  }

  close(): void {
    this.#isClosed = true;
  }

  /** The run is being ended: what is asked for now comes too late. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Notes an overridden safety step. `new`: given with this owner's own command, so approvals beside it there have not been shown it. */
  noteOverride(step: StepId, since: 'new' | 'standing'): void {
    this.#overrides.set(step, since);
  }

  /** Safety steps that were overridden, now or under an earlier owner; mostly none, which spares every step a walk through its ancestors. */
  get overridden(): readonly StepId[] {
    return [...this.#overrides.keys()];
  }

  isNewOverride(step: StepId): boolean {
    return this.#overrides.get(step) === 'new';
  }
}
