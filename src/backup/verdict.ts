import { someOf } from '../model/some-of.ts';

/**
 * What is known of a backup's content. `sealed-equal`: what is there of it is what was sealed outside of the bucket, and all of it is there but packs of
 * repositories, of which the smaller part may be gone by maintenance; a warning tells of those. `git-equal`: it holds objects only, and git says the same of each. `unanchored`: nothing speaks against it and nothing outside of the bucket vouches for it; never good, because whoever can write
 * the bucket can rewrite a backup consistently. `bad`: something speaks against it. `not-verified`: of a kind whose content nothing here reads.
 */
export type VerdictState = 'sealed-equal' | 'git-equal' | 'unanchored' | 'bad' | 'not-verified';

/** What was found when a backup was looked at. `bad` speaks against it; `warning` is for a person to know. */
export interface BackupFinding {
  readonly severity: 'bad' | 'warning';
  /** What was looked at: `phase`, `tarball`, `seal`. */
  readonly check: BackupCheck;
  /** Lower case, with the value that was found. */
  readonly message: string;
}

export type BackupCheck =
  | 'files'
  | 'metadata'
  | 'tarball'
  | 'resources'
  | 'volumes'
  | 'operations'
  | 'overwrite'
  | 'lock'
  | 'seal'
  | 'git'
  | 'target'
  | 'credential';

export interface BackupVerdict {
  readonly state: VerdictState;
  /** Why it is bad or unanchored; empty when it is neither. */
  readonly reasons: readonly string[];
  /** What a person should know whatever the state. */
  readonly warnings: readonly string[];
}

/** Every object that would be applied from a backup, compared with git. */
export interface GitComparison {
  readonly commit: string;
  readonly compared: number;
  /** Objects that differ, or that one of the two should have and does not. */
  readonly differing: readonly DifferingObject[];
  /** Objects of which git says nothing, by resource: `deployments.apps shop/api`. */
  readonly beside: readonly string[];
}

/** An object in which a backup and git differ. */
export interface DifferingObject {
  /** `refKey` of the object. */
  readonly object: string;
  /** Paths of the fields that differ; empty when one of the two does not have the object at all. */
  readonly fields: readonly string[];
}

/** A backup's seal, compared with what is in the bucket now. */
export interface SealComparison {
  /** ISO 8601. */
  readonly sealedAt: string;
  /** Objects that are not what was sealed, each with what is wrong. Empty: all equal. */
  readonly differences: readonly string[];
  /** Objects that only their bytes could tell, and that were not read. */
  readonly unread: readonly string[];
  /** What is sealed and cannot be proven any more, whatever is read. */
  readonly doubts: readonly string[];
  /** Why the seal itself does not count: not readable, signature refused or missing. */
  readonly refused?: string;
}

export interface VerdictInputs {
  readonly findings: readonly BackupFinding[];
  /** Absent: there is no seal. */
  readonly seal?: SealComparison;
  /** Absent: not compared. */
  readonly git?: GitComparison;
  /** It holds bytes of volumes, of which git says nothing. */
  readonly holdsVolumes?: boolean;
}

/** So many objects, and fields of each, are written out. */
const NAMED = 5;

const NO_SEAL = 'nothing outside of the bucket vouches for it: it was never sealed, and whoever can write the bucket can rewrite it consistently';

/** Judges a backup by all that was found. */
export function verdictOf({ findings, seal, git, holdsVolumes = false }: VerdictInputs): BackupVerdict {
  const told = (severity: BackupFinding['severity']) => findings.filter((finding) => finding.severity === severity).map(({ message }) => message);
  const bad = [...told('bad'), ...(seal?.refused === undefined ? (seal?.differences ?? []) : [])];
  const differing = git === undefined || git.differing.length === 0 ? [] : [differenceText(git)];
  const refused = seal?.refused === undefined ? [] : [`its seal does not count: ${seal.refused}`];
  const warnings = [...told('warning'), ...differing];
  if (bad.length > 0) return { state: 'bad', reasons: bad, warnings: [...warnings, ...refused] };
  const unproven = seal === undefined || seal.refused !== undefined ? [] : unprovenBy(seal);
  if (unproven.length > 0) return { state: 'unanchored', reasons: unproven, warnings };
  if (seal !== undefined && seal.refused === undefined) return { state: 'sealed-equal', reasons: [], warnings };
  const equalsGit = git !== undefined && git.compared > 0 && git.differing.length === 0;
  const untold = equalsGit ? untoldBy(git, holdsVolumes) : differing;
  if (equalsGit && untold.length === 0) return { state: 'git-equal', reasons: [], warnings: [...warnings, ...refused] };
  return { state: 'unanchored', reasons: [...(refused.length > 0 ? refused : [NO_SEAL]), ...untold], warnings: told('warning') };
}

/** Why a seal that nothing contradicts does not vouch for the backup. */
function unprovenBy({ unread, doubts }: SealComparison): readonly string[] {
  return [...(unread.length === 0 ? [] : [`it is sealed, and ${unread.length} of its objects have to be read to be compared`]), ...doubts];
}

/** What is in a backup, whose specs equal git, and git says nothing of. */
function untoldBy({ commit, beside }: GitComparison, holdsVolumes: boolean): readonly string[] {
  const others = beside.length === 0 ? [] : [`${beside.length} other objects (${someOf(beside, NAMED, '; ')})`];
  const untold = [...(holdsVolumes ? ['the bytes of its volumes'] : []), ...others];
  return untold.length === 0 ? [] : [`its specs equal git at ${commit.slice(0, 12)}, which says nothing of ${untold.join(' and ')}`];
}

function differenceText({ commit, compared, differing }: GitComparison): string {
  const named = differing.map(({ object, fields }) => (fields.length === 0 ? object : `${object} (${fields.slice(0, NAMED).join(', ')})`));
  return `${differing.length} of ${compared} objects differ from git at ${commit.slice(0, 12)}: ${someOf(named, NAMED, '; ')}`;
}
