import { scheduleName } from './velero-layout.ts';

/** Where a Velero backup comes from, by its name. */
export type BackupOrigin =
  | { readonly kind: 'cluster' /** Name of the LatticeClusterBackup. */; readonly of: string }
  | { readonly kind: 'service' /** What the platform made the schedule's name of: `<namespace>-<name>`. */; readonly of: string }
  | { readonly kind: 'other' };

/** Velero names what a schedule makes `<schedule>-<YYYYMMDDhhmmss>` (Velero 1.18 pkg/controller/schedule_controller.go). */
const TAKEN_BY_SCHEDULE = /^lattice-(.+)-\d{14}$/;
/** Schedules of single services are `lattice-svc-<namespace>-<name>` (lattice-backup/src/service_backup.rs). */
const OF_SERVICE = 'svc-';

/** Tells a backup's origin. A LatticeClusterBackup whose own name begins with `svc-` cannot be told from a service by its name. */
export function originOf(backup: string): BackupOrigin {
  const of = TAKEN_BY_SCHEDULE.exec(backup)?.[1];
  if (of === undefined) return { kind: 'other' };
  return of.startsWith(OF_SERVICE) ? { kind: 'service', of: of.slice(OF_SERVICE.length) } : { kind: 'cluster', of };
}

/** Whether a backup is one of a LatticeClusterBackup; of any when none is named. Another one may begin with the same words. */
export function isClusterBackup(backup: string, clusterBackup: string | undefined): boolean {
  if (clusterBackup !== undefined)
    return backup.startsWith(`${scheduleName(clusterBackup)}-`) && /^\d{14}$/.test(backup.slice(scheduleName(clusterBackup).length + 1));
  return backup.startsWith('lattice-') && !backup.startsWith(`lattice-${OF_SERVICE}`);
}
