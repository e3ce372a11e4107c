/** What is known of the lock of one object. */
export interface LockOf {
  readonly key: string;
  /** Absent: it cannot be told, and why is in `unknown`. */
  readonly lock?: { readonly mode?: 'COMPLIANCE' | 'GOVERNANCE'; readonly until?: string; readonly legalHold: boolean };
  readonly unknown?: string;
}

/** How long a whole backup is safe from whoever can write its bucket: as long as the object that is safe the shortest. */
export type Immutability =
  | {
      readonly state: 'locked';
      readonly mode: 'COMPLIANCE' | 'GOVERNANCE' | 'legal hold' /** ISO 8601; absent for a legal hold, which has no end. */;
      readonly until?: string;
    }
  | { readonly state: 'unlocked'; readonly objects: number; readonly of: number }
  | { readonly state: 'unknown'; readonly reason: string };

/** Sums up locks of a backup's objects at `now`. A lock that has run out holds nothing. */
export function immutabilityOf(locks: readonly LockOf[], now: number): Immutability {
  const untold = locks.find(({ unknown }) => unknown !== undefined);
  if (untold !== undefined) return { state: 'unknown', reason: untold.unknown ?? '' };
  if (locks.length === 0) return { state: 'unknown', reason: 'there is no object to ask about' };
  const held = locks.flatMap(({ lock }) => (lock === undefined ? [] : [lock]));
  const timed = held.filter(({ legalHold }) => !legalHold);
  const open = timed.filter(({ until }) => until === undefined || Date.parse(until) <= now);
  if (open.length > 0) return { state: 'unlocked', objects: open.length, of: locks.length };
  const [first] = timed.toSorted((a, b) => ((a.until ?? '') < (b.until ?? '') ? -1 : 1));
  if (first?.until === undefined) return { state: 'locked', mode: 'legal hold' };
  // The weaker mode counts: GOVERNANCE can be bypassed by whoever has the permission.
  return { state: 'locked', mode: timed.every(({ mode }) => mode === 'COMPLIANCE') ? 'COMPLIANCE' : 'GOVERNANCE', until: first.until };
}
