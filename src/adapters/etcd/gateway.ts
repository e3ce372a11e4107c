import { type Dispatcher, request } from 'undici';
import { abortError } from '../../errors/abort-error.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { EtcdRefusal } from '../../ports/etcd.ts';

/** etcd says nothing for this long only when it is stuck: hashing a database of 8 GiB takes longer than any other answer. */
const ANSWER_MS = 60_000;

/** Refusals that somebody acts upon, by etcd's words for them (`api/v3rpc/rpctypes/error.go`). The longer of two comes first. */
const REASONS: readonly (readonly [words: string, reason: EtcdRefusal])[] = [
  ['can only promote a learner member which is in sync with leader', 'learner-behind'],
  ['can only promote a learner member', 'not-a-learner'],
  ['too many learner members in cluster', 'too-many-learners'],
  ['unhealthy cluster', 'unhealthy-cluster'],
  ['Peer URLs already exists', 'peer-url-exists'],
  ['member not found', 'member-not-found'],
];

/** Calls of the JSON gateway that each etcd serves beside gRPC (`Documentation/dev-guide/api_grpc_gateway`). */
export class Gateway {
  readonly #dispatcher: Dispatcher;
  readonly #origin: string;
  readonly #name: string;

  /** `name` is how errors call the member. */
  constructor({ dispatcher, origin, name }: { readonly dispatcher: Dispatcher; readonly origin: string; readonly name: string }) {
    this.#dispatcher = dispatcher;
    this.#origin = origin;
    this.#name = name;
  }

  /** One answer. Throws `ETCD_UNAVAILABLE`, `ETCD_FAILED`. */
  async call(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    return await this.#told(path, signal, async () => JSON.parse(await (await this.#post(path, body, signal)).body.text()) as unknown);
  }

  /** An answer in parts, one JSON document a line, each within `result`. */
  async *stream(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
    const response = await this.#told(path, signal, async () => await this.#post(path, body, signal));
    // Leaving early ends the loop over the body, which undici then destroys.
    for await (const line of this.#guarded(path, signal, lines(response.body)))
      yield this.#resultOf(path, await this.#told(path, signal, async () => JSON.parse(line) as unknown));
  }

  async close(): Promise<void> {
    await this.#dispatcher.close();
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const response = await request(`${this.#origin}/v3/${path}`, {
      dispatcher: this.#dispatcher,
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      headersTimeout: ANSWER_MS,
      bodyTimeout: ANSWER_MS,
      signal,
    });
    if (response.statusCode === 200) return response;
    throw this.#failed(path, await response.body.text());
  }

  async *#guarded(path: string, signal: AbortSignal, source: AsyncIterable<string>): AsyncGenerator<string> {
    try {
      yield* source;
    } catch (error) {
      throw this.#reworded(path, signal, error);
    }
  }

  #resultOf(path: string, part: unknown): unknown {
    const { result, error } = part as { readonly result?: unknown; readonly error?: unknown };
    if (result === undefined) throw this.#failed(path, JSON.stringify(error));
    return result;
  }

  #failed(path: string, said: string): DrError {
    const reason = REASONS.find(([words]) => said.includes(words))?.[1];
    return new DrError({ code: 'ETCD_FAILED', message: `etcd ${this.#name} refused ${path}: ${said.trim()}`, details: reason === undefined ? {} : { reason } });
  }

  async #told<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#reworded(path, signal, error);
    }
  }

  #reworded(path: string, signal: AbortSignal, error: unknown): DrError {
    if (signal.aborted) return abortError(signal, `${path} of etcd ${this.#name}`, 'ETCD_UNAVAILABLE');
    if (error instanceof DrError) return error;
    // The message about what is not JSON quotes a part, and anything may be kept in etcd.
    if (error instanceof SyntaxError)
      return new DrError({ code: 'ETCD_FAILED', message: `etcd ${this.#name} answers ${path} with something that is not JSON` });
    return new DrError({
      code: 'ETCD_UNAVAILABLE',
      message: `etcd ${this.#name} does not answer ${path}: ${error instanceof Error ? error.message : String(error)}`,
      suggestions: ['look whether etcd runs there, and whether the certificates are those of its own authority (etcd has another one than the API server)'],
      cause: error,
    });
  }
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for await (const chunk of chunks) {
    const parts = decoder.decode(chunk, { stream: true }).split('\n');
    for (const [index, part] of parts.entries()) {
      rest.push(part);
      if (index === parts.length - 1) break;
      yield rest.join('');
      rest = [];
    }
  }
  const last = rest.join('');
  if (last.trim() !== '') yield last;
}
