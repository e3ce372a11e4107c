import type { JudgedSnapshot, SnapshotLevel } from './snapshot-levels.ts';

/** Why a snapshot is not restored; one that `isAcceptable` may be, when a person says so by name. */
export interface SnapshotRefusal {
  readonly level: SnapshotLevel['level'];
  readonly reason: string;
  /** Nothing speaks against it: only nothing outside of it says that it is what was taken. */
  readonly isAcceptable: boolean;
}

/**
 * What speaks against a restore, before anything is fenced: whatever failed; L1 to L4 or L6 not proven; L5 not proven when any value is encrypted (L5 is
 * proven where none is). A snapshot without a manifest has L4 by content only and no age: that is to be accepted by a person, and nothing else is.
 */
export function snapshotRefusals({ verdict, levels }: JudgedSnapshot): readonly SnapshotRefusal[] {
  const open = levels.filter(({ state }) => state !== 'proven');
  return open.map(({ level, state, reason, isUndated }) => {
    const isUnanchored = state === 'not checked' && (level === 'L0' || isUndated === true);
    return { level, reason, isAcceptable: verdict === 'unanchored' && isUnanchored };
  });
}
