import { formatDuration } from '../../model/duration.ts';

/** How far something has come that grows: a piece of text for progress lines, empty while nothing can be told from so little. */
export class Rate {
  readonly #now: () => number;
  #from: { readonly at: number; readonly done: number } | undefined;

  /** `now` is a monotonic clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** `, about 3m left` at the mean rate since the first report. A restart of what is counted begins anew. */
  left(done: number, total: number): string {
    const at = this.#now();
    if (this.#from === undefined || done < this.#from.done) this.#from = { at, done };
    const grown = done - this.#from.done;
    const elapsedMs = at - this.#from.at;
    if (grown <= 0 || elapsedMs <= 0 || total <= done) return '';
    return `, about ${formatDuration(Math.ceil(((total - done) * elapsedMs) / grown / 1_000) * 1_000)} left`;
  }
}
