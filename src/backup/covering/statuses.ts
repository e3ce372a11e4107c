import type { PlatformStatus, Written } from '../../model/backup-setup.ts';
import { about, type CoverageFinding } from './finding.ts';

/** Phases after which the platform has made what an object asks for (the seeds' tables of BackupStorePhase and ClusterBackupPhase). */
const DONE = { store: ['Ready'], schedule: ['Active', 'Paused'] } as const;

const MADE = { store: 'BackupStorageLocation', schedule: 'Velero Schedule' } as const;

/** That the platform has not made of an object what it says now. That it has says nothing of Velero, which is asked besides. */
export function statusFindings(part: Written & { readonly status?: PlatformStatus }, kind: keyof typeof DONE): readonly CoverageFinding[] {
  const { status } = part;
  if (status === undefined) return [];
  const { phase, message, isCurrent } = status;
  const done: readonly string[] = DONE[kind];
  if (done.includes(phase) && isCurrent) return [];
  return [
    about(part, {
      code: 'not-applied',
      severity: 'loss',
      message: isCurrent
        ? `the platform says ${phase}${message === '' ? '' : `: ${message}`}`
        : `the platform says ${phase} of an earlier spec, and has not looked at this one`,
      consequence: `there is no ${MADE[kind]} of this spec: none at all, or one that goes on as it was before`,
      fix: 'mend what it complains of; where it complains of nothing, see whether its operator runs',
    }),
  ];
}
