/** What became of one question about a snapshot, and what that rests on. */
export interface LevelFinding {
  readonly state: 'proven' | 'failed' | 'not checked';
  readonly reason: string;
  /** Only its age is not known. */
  readonly isUndated?: true;
}

export const proven = (reason: string): LevelFinding => ({ state: 'proven', reason });
export const failed = (reason: string): LevelFinding => ({ state: 'failed', reason });
export const notChecked = (reason: string): LevelFinding => ({ state: 'not checked', reason });
