import { abortError } from '../../src/errors/abort-error.ts';
import { DrError } from '../../src/errors/dr-error.ts';
import type { HttpProbe, HttpProbeRequest, HttpProbeResponse } from '../../src/ports/http.ts';

/** Answers of one URL, used in turn; the last one stays. `undefined` is no answer. */
export type FakeAnswers = readonly ({ readonly status: number; readonly body: string } | undefined)[];

/** Web servers in memory, by URL. A URL that is not given does not answer. The address is the one asked for, else `192.0.2.1`. */
export class FakeHttpProbe implements HttpProbe {
  /** What was asked, oldest first. */
  readonly requests: HttpProbeRequest[] = [];
  readonly #answers: Readonly<Record<string, FakeAnswers>>;

  constructor(answers: Readonly<Record<string, FakeAnswers>> = {}) {
    this.#answers = answers;
  }

  async get(request: HttpProbeRequest): Promise<HttpProbeResponse> {
    if (request.signal.aborted) throw abortError(request.signal, `GET ${request.url}`, 'HEALTH_NOT_PROVEN');
    const before = this.requests.filter(({ url }) => url === request.url).length;
    this.requests.push(request);
    const answers = this.#answers[request.url] ?? [];
    const answer = answers[Math.min(before, answers.length - 1)];
    if (answer === undefined) throw new DrError({ code: 'HEALTH_NOT_PROVEN', message: `no answer to GET ${request.url}: ECONNREFUSED`, retry: 'retryable' });
    return { ...answer, address: request.address?.host ?? '192.0.2.1' };
  }
}
