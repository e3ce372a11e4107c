import { asDrError, DrError, isDrError } from '../errors/dr-error.ts';
import { orAborted } from '../errors/or-aborted.ts';
import { formatDuration } from '../model/duration.ts';
import { isLeftBehind, type TimeLimit, untilAborted, withTimeLimit } from './deadline.ts';
import type { StepNode } from './graph-types.ts';
import { underSignals } from './joined-signal.ts';
import { wrapped } from './prompter.ts';
import { recordError } from './recorded-error.ts';
import { delayBeforeTry } from './retry.ts';
import type { RunScope } from './run-scope.ts';

/** One try of something a step does. `scope` asks persons without the step's clock running. */
export type Attempt<P, T> = (scope: RunScope<P>, signal: AbortSignal, number: number) => Promise<T>;

export interface Tries<P, T> {
  readonly signal: AbortSignal;
  readonly attempt: Attempt<P, T>;
}

/**
 * Tries something a step does as often as its retry policy allows, all within the step's timeout: waits between tries included, a person's time to answer
 * and the time in which the state store is away not. Only retryable errors are tried again. A try that is under way when the store goes away is aborted, and
 * made again once the store is back: it does not count. Throws the last error, `STEP_TIMEOUT`, or the signal's reason.
 */
export async function tryInTime<P, T>(scope: RunScope<P>, node: StepNode, run: Tries<P, T>): Promise<T> {
  const { clock } = scope.env;
  return await withTimeLimit({
    clock,
    timeoutMs: node.timeoutMs,
    late: () =>
      new DrError({ code: 'STEP_TIMEOUT', message: `step '${node.id}' did not end within ${formatDuration(node.timeoutMs)}`, details: { step: node.id } }),
    work: async (limit) => await tryRepeatedly({ ...scope, prompter: wrapped(scope.prompter, limit.pause) }, node, { ...run, limit }),
  });
}

interface TimedTries<P, T> extends Tries<P, T> {
  readonly limit: TimeLimit;
}

async function tryRepeatedly<P, T>(scope: RunScope<P>, node: StepNode, run: TimedTries<P, T>): Promise<T> {
  const { pause, up } = run.limit;
  for (let number = 1; ; ) {
    const { contact } = scope.journal;
    if (contact.lost.aborted) {
      await pause(async () => await orAborted(contact.regained, stopOf(run)));
      continue;
    }
    const bounded = { ...scope, journal: scope.journal.during(contact) };
    const { clock } = scope.env;
    const tried = number;
    try {
      return await underSignals([run.signal, up, contact.lost], (signal) =>
        untilAborted({ clock, signal, work: async () => await run.attempt(bounded, signal, tried) }),
      );
    } catch (thrown) {
      // What did not stop may still be at work, so nothing is begun beside it.
      const mayGoOn = !isStopped(run) && !isLeftBehind(thrown);
      if (mayGoOn && contact.lost.aborted) continue;
      if (mayGoOn && isDrError(thrown, 'STORE_UNAVAILABLE')) {
        // What the step wanted to keep, the store did not take: a line gets through once it does.
        await pause(async () => await orAborted(scope.journal.append({ type: 'alive' }), stopOf(run)));
        continue;
      }
      await waitForNext(scope, node, { ...run, thrown, number });
      number += 1;
    }
  }
}

function isStopped<P, T>({ signal, limit }: TimedTries<P, T>): boolean {
  return signal.aborted || limit.up.aborted;
}

/** Aborts when no other try may be made; only between tries is it needed, and most steps have one. */
function stopOf<P, T>({ signal, limit }: TimedTries<P, T>): AbortSignal {
  return AbortSignal.any([signal, limit.up]);
}

/** Waits until the next try, or throws what was thrown when there is none. */
async function waitForNext<P, T>(
  scope: RunScope<P>,
  node: StepNode,
  last: TimedTries<P, T> & { readonly thrown: unknown; readonly number: number },
): Promise<void> {
  const error = asDrError(last.thrown);
  const delayMs = isStopped(last) ? undefined : delayBeforeTry(last.number + 1, error, node.retry);
  if (delayMs === undefined) throw last.thrown;
  await last.limit.pause(async () => await scope.journal.append({ type: 'step-retry', step: node.id, try: last.number, delayMs, error: recordError(error) }));
  scope.emit({ type: 'step-retry', step: node.id, attempt: last.number, delayMs, error: { code: error.code, message: error.message } });
  await scope.operator.waitForTry(node.id, stopOf(last), async (signal) => await scope.env.clock.sleep(delayMs, signal));
}
