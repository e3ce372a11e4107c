import type { HoldList } from '../operations/holds.ts';
import type { ReleaseAction, ReleaseResult } from '../operations/release.ts';
import { textTable } from './text-table.ts';

/** Writes the holds of a run for people, in the order of release. */
export function holdsView({ run, open, released }: HoldList): string {
  const done = released.map(({ hold, releasedAt }) => `released: ${hold.id}, at ${releasedAt ?? '?'}\n`).join('');
  if (open.length === 0) return `run ${run} holds nothing\n${done}`;
  const rows = open.map(({ hold, step }) => [hold.id, step, hold.subject, hold.releaseWhen]);
  return `${textTable([['HOLD', 'STEP', 'WHAT', 'RELEASE WHEN'], ...rows])}${done}`;
}

/** Writes what releasing would do, before a person agrees to it. */
export function releaseQuestion(actions: readonly ReleaseAction[]): string {
  return actions
    .map(({ hold, action, byHand, missing }) => `  ${missing === undefined ? (byHand ? 'by hand' : 'release') : 'not yet'} ${hold.id}: ${action}\n`)
    .join('');
}

/** Writes what was released and what is still put aside. */
export function releaseView({ run, released, open }: ReleaseResult): string {
  const lines = [
    ...released.map((hold) => `released: ${hold.id}\n`),
    ...open.map(({ hold, reason }) => `still held: ${hold.id}: ${hold.subject}; ${reason}\n`),
  ];
  return lines.length === 0 ? `run ${run} holds nothing\n` : lines.join('');
}
