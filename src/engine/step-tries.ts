import { asDrError, DrError } from '../errors/dr-error.ts';
import { formatDuration } from '../model/duration.ts';
import { withDeadline } from './deadline.ts';
import type { StepNode } from './graph-types.ts';
import { wrapped } from './prompter.ts';
import { recordError } from './recorded-error.ts';
import { delayBeforeTry } from './retry.ts';
import type { RunScope } from './run-scope.ts';

/** One try of something a step does. `scope` asks persons without the step's clock running. */
export type Attempt<P, T> = (scope: RunScope<P>, signal: AbortSignal, number: number) => Promise<T>;

/**
 * Tries something a step does as often as its retry policy allows, all within the step's timeout: waits between tries included, a person's time to answer
 * not. Only retryable errors are tried again. Throws the last error, `STEP_TIMEOUT`, or the signal's reason.
 */
export async function tryInTime<P, T>(scope: RunScope<P>, node: StepNode, run: { readonly signal: AbortSignal; readonly attempt: Attempt<P, T> }): Promise<T> {
  const { clock } = scope.env;
  return await withDeadline({
    clock,
    signal: run.signal,
    timeoutMs: node.timeoutMs,
    late: () =>
      new DrError({ code: 'STEP_TIMEOUT', message: `step '${node.id}' did not end within ${formatDuration(node.timeoutMs)}`, details: { step: node.id } }),
    work: async (signal, pause) => {
      const timed = { ...scope, prompter: wrapped(scope.prompter, pause) };
      for (let number = 1; ; number += 1) {
        try {
          return await run.attempt(timed, signal, number);
        } catch (thrown) {
          await waitForNext(scope, node, { thrown, number, signal });
        }
      }
    },
  });
}

/** Waits until the next try, or throws what was thrown when there is none. */
async function waitForNext<P>(
  scope: RunScope<P>,
  node: StepNode,
  last: { readonly thrown: unknown; readonly number: number; readonly signal: AbortSignal },
): Promise<void> {
  const error = asDrError(last.thrown);
  const delayMs = last.signal.aborted ? undefined : delayBeforeTry(last.number + 1, error, node.retry);
  if (delayMs === undefined) throw last.thrown;
  await scope.journal.append({ type: 'step-retry', step: node.id, try: last.number, delayMs, error: recordError(error) });
  scope.emit({ type: 'step-retry', step: node.id, attempt: last.number, delayMs, error: { code: error.code, message: error.message } });
  await scope.env.clock.sleep(delayMs, last.signal);
}
