import type { ReportedStep } from '../../operations/report-steps.ts';

/** Id of the element that has a step's details. A link to it is the same text: browsers look for it as it stands first (HTML, "find a potential indicated element"). */
export function anchorOf(step: string): string {
  return `step-${encodeURIComponent(step)}`;
}

/** Time of day of an ISO 8601 time, UTC, to the tenth of a second: `03:15:02.4Z`. */
export function clockTime(at: string): string {
  return at === '' ? '?' : `${at.slice(11, 21)}Z`;
}

/** State of a step as a person should read it. What rests on a statement is attested and never verified. */
export function stateWord({ state, attested, found }: Pick<ReportedStep, 'state' | 'attested' | 'found'>): string {
  if (state !== 'succeeded') return state;
  if (attested) return 'attested';
  return found ? 'found done' : 'succeeded';
}

/** Class of the badge that a state is shown with; the word stands in it. */
export function stateClass({ state, attested }: Pick<ReportedStep, 'state' | 'attested'>): string {
  if (state === 'succeeded') return attested ? 'warn' : 'good';
  if (state === 'failed' || state === 'blocked' || state === 'cancelled') return 'bad';
  return state === 'waiting' ? 'warn' : 'plain';
}
