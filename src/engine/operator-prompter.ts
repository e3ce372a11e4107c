import { DrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import type { Clock } from '../ports/clock.ts';
import type { Operator } from './operator.ts';
import type { GateAnswer, GateQuestion, Prompter } from './prompter.ts';

export interface AnswerableOptions {
  readonly operator: Operator;
  readonly clock: Clock;
  /** How long a question waits for an answer from elsewhere when there is nobody here to ask. 0: not at all. */
  readonly waitMs: DurationMs;
}

/**
 * Lets questions be answered from elsewhere as well: the first answer wins, and the prompt that stands here is taken away. When the run is paused every
 * question is taken back: it rejects with the reason of the pause.
 */
export function answerable(prompter: Prompter, options: AnswerableOptions): Prompter {
  const { paused } = options.operator;
  return {
    ask: async (question, signal) => await askEverywhere(prompter, options, { question, signal: AbortSignal.any([signal, paused]) }),
    askUnknown: async (question, signal) => await prompter.askUnknown(question, AbortSignal.any([signal, paused])),
  };
}

interface Asking {
  readonly question: GateQuestion;
  readonly signal: AbortSignal;
}

async function askEverywhere(prompter: Prompter, options: AnswerableOptions, { question, signal }: Asking): Promise<GateAnswer> {
  const standing = options.operator.questionOf(question.step);
  if (standing === undefined) return await prompter.ask(question, signal);
  const settled = new AbortController();
  const here = askHere(prompter, options, { question, signal: AbortSignal.any([signal, settled.signal]) });
  const elsewhere = standing.recorded.then((): GateAnswer => ({ answer: 'recorded' }));
  try {
    return await Promise.race([elsewhere, here]);
  } finally {
    settled.abort(new DrError({ code: 'CANCELLED', message: 'the question was answered from elsewhere' }));
    here.catch(() => undefined);
  }
}

async function askHere(prompter: Prompter, { clock, waitMs }: AnswerableOptions, { question, signal }: Asking): Promise<GateAnswer> {
  const answer = await prompter.ask(question, signal);
  if (answer.answer === 'elsewhere') return await aborted(signal);
  if (answer.answer === 'unavailable' && waitMs > 0) await clock.sleep(waitMs, signal);
  return answer;
}

async function aborted(signal: AbortSignal): Promise<never> {
  const reason = Promise.withResolvers<never>();
  const reject = (): void => reason.reject(signal.reason);
  if (signal.aborted) reject();
  else signal.addEventListener('abort', reject, { once: true });
  return await reason.promise;
}
