import { refKey, refOf } from '../../model/kube-object.ts';
import type { ManifestObject } from '../manifest.ts';
import { type BackupCopy, type CompareOptions, compareSpecs, type ObjectDifference } from './compare.ts';

/** Whether a backup says what git says. */
export interface GitEquality {
  /** Everything of the backup that a recovery could apply is in git, field by field, and nothing is missing that the backup covers. */
  readonly equal: boolean;
  /** Objects that were compared. */
  readonly compared: number;
  /** What differs; empty when equal. */
  readonly differences: readonly ObjectDifference[];
}

/**
 * Compares the objects of one backup with one commit of git. Objects that no recovery takes from a backup (what operators make, what is inherited, kinds that
 * git has nothing of) are left out. A backup without a single object in common with git is not equal: it proves nothing. Pure.
 */
export function gitEquality(backup: BackupCopy, git: readonly ManifestObject[], options: CompareOptions): GitEquality {
  const { objects, compared } = compareSpecs({ git, backup }, options);
  const differences = objects.filter(({ on, missing }) => on.includes('backup') || missing.includes('backup'));
  const written = new Set(git.map(({ key }) => key));
  const hasCommon = backup.objects.some((object) => written.has(refKey(refOf(object))));
  return { equal: differences.length === 0 && hasCommon, compared, differences };
}
