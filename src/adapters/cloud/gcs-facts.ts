import type { FileMetadata } from '@google-cloud/storage';
import type { Known } from '../../model/known.ts';
import type { ObjectLock, ObjectVersion } from '../../ports/object-store.ts';

/** A deletion, as the port tells it: in Google Cloud Storage it is no version, only the time at which the last one stopped being live. */
export function deletionOf(key: string, deletedAt: string): ObjectVersion {
  return { key, sizeBytes: 0, lastModified: new Date(deletedAt).toISOString(), etag: '', isLatest: true, isDeletion: true };
}

/**
 * What keeps an object from being changed and deleted: its own retention (`Locked` cannot be shortened, `Unlocked` can), its bucket's policy, or a hold. The later of
 * the two ends counts.
 *
 * @param isPolicyLocked - whether the bucket's policy can never be taken away; not known when the bucket may not be looked at
 * @see Google Cloud Storage documentation, "Object Retention Lock", "Bucket Lock" and "Object holds"
 */
export function lockOf(
  { retention, retentionExpirationTime, temporaryHold, eventBasedHold }: FileMetadata,
  isPolicyLocked: boolean | undefined,
): Known<ObjectLock> {
  const legalHold = temporaryHold === true || eventBasedHold === true;
  const own = retention?.retainUntilTime === undefined ? [] : [{ until: retention.retainUntilTime, isFixed: retention.mode === 'Locked' }];
  const policy =
    retentionExpirationTime === undefined || retentionExpirationTime === own[0]?.until ? [] : [{ until: retentionExpirationTime, isFixed: isPolicyLocked }];
  const [last] = [...own, ...policy].toSorted((a, b) => Date.parse(b.until) - Date.parse(a.until));
  if (last === undefined) return { known: true, value: { legalHold } };
  if (last.isFixed === undefined)
    return { known: false, reason: 'a retention policy of the bucket keeps the object, and these credentials may not read whether it is locked' };
  return { known: true, value: { mode: last.isFixed ? 'COMPLIANCE' : 'GOVERNANCE', until: new Date(last.until).toISOString(), legalHold } };
}
