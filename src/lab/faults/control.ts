import { DrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';

/**
 * Sends one request to a control endpoint of the lab. Throws `LAB_NOT_RUNNING` when nothing answers there, `INPUT_INVALID` with its words when it refuses.
 */
export async function callControl(request: {
  readonly port: number;
  readonly path: string;
  readonly body: JsonObject;
  readonly what: string;
  readonly signal: AbortSignal;
}): Promise<JsonObject> {
  const { port, path, body, what, signal } = request;
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
    signal,
  }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new DrError({
      code: 'LAB_NOT_RUNNING',
      message: `${what} does not answer on port ${port}`,
      cause,
      suggestions: ['see what runs: lattice-dr lab status', 'start it again: lattice-dr lab up'],
    });
  });
  const answer = (await response.json()) as JsonObject;
  if (response.ok) return answer;
  throw new DrError({ code: 'INPUT_INVALID', message: `${what} refuses ${path}: ${String(answer['error'])}`, details: { path, body } });
}
