import type { JsonObject } from '../model/json.ts';
import type { KubeObject, ResourceType } from '../model/kube-object.ts';
import { VELERO_API, VELERO_NAMESPACE } from './location.ts';

export const BACKUP_TYPE: ResourceType = { apiVersion: VELERO_API, kind: 'Backup' };

/** Phases in which a Backup will not change any more (Velero 1.18 `pkg/apis/velero/v1/backup_types.go`); `Deleting` ends in its removal. */
const TERMINAL: ReadonlySet<string> = new Set(['Completed', 'PartiallyFailed', 'Failed', 'FailedValidation']);

/** Velero's own form of a scheduled backup's name: `<schedule>-<YYYYMMDDhhmmss>` (`schedule_types.go`, TimestampedName). */
export function stampedName(schedule: string, now: number): string {
  return `${schedule}-${new Date(now).toISOString().replace(/\D/g, '').slice(0, 14)}`;
}

/** The Backup that a Schedule would make now, as `velero backup create --from-schedule` makes it. */
export function backupOfSchedule(schedule: KubeObject, name: string): KubeObject {
  const labels = { ...schedule.metadata.labels, 'velero.io/schedule-name': schedule.metadata.name };
  return { ...BACKUP_TYPE, metadata: { namespace: VELERO_NAMESPACE, name, labels }, spec: (schedule.spec?.['template'] ?? {}) as JsonObject };
}

/** A Backup of namespaces, with everything in them, into a location. */
export function backupOfNamespaces(
  name: string,
  { location, namespaces, ttl }: { readonly location: string; readonly namespaces: readonly string[]; readonly ttl?: string },
): KubeObject {
  const spec: JsonObject = { storageLocation: location, includedNamespaces: namespaces, ...(ttl === undefined ? {} : { ttl }) };
  return { ...BACKUP_TYPE, metadata: { namespace: VELERO_NAMESPACE, name }, spec };
}

/** Phase of a Backup; `New` until Velero has looked at it. */
export function backupPhase(backup: KubeObject): string {
  return String(backup.status?.['phase'] ?? 'New');
}

export function isBackupOver(backup: KubeObject): boolean {
  return TERMINAL.has(backupPhase(backup));
}

/** Whether a phase means that Velero has a Backup in its hands. */
export function isBackupTakenUp(backup: KubeObject): boolean {
  return !['New', 'Queued', 'ReadyToStart'].includes(backupPhase(backup));
}

/** Why a Backup did not complete, in Velero's words. */
export function backupFailure(backup: KubeObject): string {
  const {
    validationErrors = [],
    failureReason,
    errors = 0,
    warnings = 0,
  } = (backup.status ?? {}) as {
    readonly validationErrors?: readonly string[];
    readonly failureReason?: string;
    readonly errors?: number;
    readonly warnings?: number;
  };
  const reasons = [...validationErrors, ...(failureReason === undefined ? [] : [failureReason])];
  return reasons.length > 0 ? reasons.join('; ') : `${errors} errors, ${warnings} warnings`;
}

/** How far a Backup is: items of the API server, and bytes of volumes where Velero moves some itself. */
export interface BackupProgress {
  readonly items: { readonly done: number; readonly total: number };
  readonly bytes: { readonly done: number; readonly total: number };
}

/** @param movers - PodVolumeBackups and DataUploads of this backup */
export function backupProgress(backup: KubeObject, movers: readonly KubeObject[]): BackupProgress {
  const progress = (backup.status?.['progress'] ?? {}) as { readonly itemsBackedUp?: number; readonly totalItems?: number };
  const bytes = movers.map(({ status }) => (status?.['progress'] ?? {}) as { readonly bytesDone?: number; readonly totalBytes?: number });
  return {
    items: { done: progress.itemsBackedUp ?? 0, total: progress.totalItems ?? 0 },
    bytes: {
      done: bytes.reduce((sum, { bytesDone = 0 }) => sum + bytesDone, 0),
      total: bytes.reduce((sum, { totalBytes = 0 }) => sum + totalBytes, 0),
    },
  };
}
