import type { AcceptedRequest } from '../operations/ask-run.ts';

/** What the run does now, by what was asked. */
const CONSEQUENCE: Readonly<Record<string, string>> = {
  approve: 'the step goes on',
  decline: 'the step is not done, and the run ends with exit 7',
  pause: 'what runs goes on to its end, nothing new starts, and the run ends with exit 10; resume goes on',
  skip: 'the step is left out of this run; retry takes that back',
  retry: 'the step is tried again: at once if it waits for its next try, else once what runs has ended',
  cancel: 'what runs is aborted, and the run ends with exit 130; resume goes on',
};

/** That a request was accepted, by whom it counts as given, and what follows. */
export function acceptedText({ run, verb, step, by, signed, open }: AcceptedRequest): string {
  const what = step === undefined ? verb : `${verb} ${step}`;
  const next = open === undefined ? (CONSEQUENCE[verb] ?? '') : `${open} more ${open === 1 ? 'person' : 'persons'} must approve`;
  return `accepted by run ${run}: ${what}, given by ${by} (${signed ? 'signed' : 'unverified'}); ${next}\n`;
}
