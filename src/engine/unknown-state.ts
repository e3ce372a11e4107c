import { DrError } from '../errors/dr-error.ts';
import type { StepId } from '../model/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { RunScope } from './run-scope.ts';

/**
 * Asks a person about what the world does not tell. Resolves when the person states that it has not happened, and the statement is in the journal. Throws
 * `STEP_UNKNOWN` when there is nobody to ask or the person says stop.
 */
export async function settleUnknown<P>(
  scope: RunScope<P>,
  question: { readonly step: StepId; readonly what: string; readonly evidence: JsonObject },
  signal: AbortSignal,
): Promise<void> {
  const { step, what, evidence } = question;
  const answer = await scope.prompter.askUnknown({ run: scope.frozen.id, ...question }, signal);
  if (answer.answer !== 'unavailable') await scope.journal.append({ type: 'unknown-answered', step, what, answer: answer.answer, by: answer.by });
  if (answer.answer === 'absent') return;
  throw new DrError({
    code: 'STEP_UNKNOWN',
    message: `the state of ${what} cannot be told from the world`,
    details: { step, evidence },
    suggestions: ['look at the world with the evidence above', `continue on a terminal, where you are asked: lattice-dr resume ${scope.frozen.id}`],
  });
}
