import type { ExpiredBackup } from '../backup/expired-backup.ts';
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
    .flatMap(({ hold, action, byHand, missing, expires = [] }) => [
      `  ${missing === undefined ? (byHand ? 'by hand' : 'release') : 'not yet'} ${hold.id}: ${action}\n`,
      ...expires.map((expired) => `    ${expiredText(expired)}\n`),
    ])
    .join('');
}

/** `Velero deletes lattice-daily-20260101030000, which expired at 2026-01-31T03:00:00Z`. */
export function expiredText({ backup, expiredAt }: ExpiredBackup): string {
  return `Velero deletes ${backup}, which expired at ${expiredAt}`;
}

/** Writes what was released and what is still put aside. */
export function releaseView({ run, released, expired, open }: ReleaseResult): string {
  const lines = [
    ...released.flatMap((hold) => [`released: ${hold.id}\n`, ...expired.filter((one) => one.hold === hold.id).map((one) => `  ${expiredText(one)}\n`)]),
    ...open.map(({ hold, reason }) => `still held: ${hold.id}: ${hold.subject}; ${reason}\n`),
  ];
  return lines.length === 0 ? `run ${run} holds nothing\n` : lines.join('');
}
