import type { DurationMs } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';
import type { StepProgress } from './step.ts';

/** At most one progress event of a step in this time. */
const PROGRESS_EVERY_MS: DurationMs = 1_000;

/** Lets one progress report a second through: the first at once, then the newest of each second, and the last one when the step ends. */
export class ProgressThrottle {
  readonly #clock: Clock;
  readonly #emit: (progress: StepProgress) => void;
  #isClosed = false;
  #quietening: AbortController | undefined;
  #latest: StepProgress | undefined;
  #quiet = false;

  constructor(clock: Clock, emit: (progress: StepProgress) => void) {
    this.#clock = clock;
    this.#emit = emit;
  }

  report(progress: StepProgress): void {
    if (this.#isClosed) return;
    this.#latest = progress;
    if (!this.#quiet) this.#flush();
  }

  /** Emits what is held back; later reports are dropped. */
  close(): void {
    if (this.#latest !== undefined) this.#emit(this.#latest);
    this.#latest = undefined;
    this.#isClosed = true;
    this.#quietening?.abort('closed');
  }

  #flush(): void {
    if (this.#latest === undefined) return;
    this.#emit(this.#latest);
    this.#latest = undefined;
    this.#quiet = true;
    void this.#quieten();
  }

  async #quieten(): Promise<void> {
    this.#quietening = new AbortController();
    try {
      await this.#clock.sleep(PROGRESS_EVERY_MS, this.#quietening.signal);
    } catch {
      return;
    }
    this.#quiet = false;
    this.#flush();
  }
}
