import { isObject } from '../model/json.ts';

/** A backup that Velero deletes as soon as it may write to its location. */
export interface ExpiredBackup {
  readonly backup: string;
  /** ISO 8601. */
  readonly expiredAt: string;
}

/** Says when a Backup object, or a stored `velero-backup.json`, has expired; `undefined` when it has not at `now`, or never does. */
export function expiredAt(backup: unknown, now: number): string | undefined {
  const status = isObject(backup) ? backup['status'] : undefined;
  const expiration = isObject(status) ? status['expiration'] : undefined;
  return typeof expiration === 'string' && Date.parse(expiration) <= now ? expiration : undefined;
}
