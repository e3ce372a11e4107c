import { abortError } from '../../src/errors/abort-error.ts';
import type { ChartAnswer, ChartRef, Charts } from '../../src/ports/charts.ts';

/** Repositories in memory: the versions of each chart with their digests. A repository that is not given does not answer. Passes `test/contract/charts.ts`. */
export class FakeCharts implements Charts {
  readonly #repositories: Readonly<Record<string, Readonly<Record<string, string>>>>;

  /** Digests by repository and `name version`. */
  constructor(repositories: Readonly<Record<string, Readonly<Record<string, string>>>> = {}) {
    this.#repositories = repositories;
  }

  async find({ repository, name, version }: ChartRef, signal: AbortSignal): Promise<ChartAnswer> {
    if (signal.aborted) throw abortError(signal, `looking for chart ${name}`, 'CANCELLED');
    const charts = this.#repositories[repository];
    if (charts === undefined) return { state: 'unknown', reason: `${repository} does not answer from here: ECONNREFUSED` };
    const digest = charts[`${name} ${version}`];
    return digest === undefined ? { state: 'absent', reason: `${repository} has no version ${version} of ${name}` } : { state: 'there', digest };
  }
}
