import type { JsonObject } from './json.ts';

/**
 * Something a run has put aside and that stays so until a person or a proof releases it: a backup location set ReadOnly, a DNSProvider not applied, a
 * schedule paused. Failure, cancel and resume never release a hold.
 */
export interface Hold {
  /** Unique in a run and stable over resumes: `<what>/<namespace>/<name>`. */
  readonly id: string;
  /** Kind of thing held, which decides the fixed order of release. */
  readonly kind: HoldKind;
  /** What is put aside, for people: `BackupStorageLocation velero/lattice-main is ReadOnly`. */
  readonly subject: string;
  /** What it was before, in the form that `release` needs to put it back. */
  readonly prior: JsonObject;
  /** When it may be released, for people: `verify-health has succeeded and a fresh backup is Completed`. */
  readonly releaseWhen: string;
}

/**
 * Release order: what cannot hurt first. Names go to the new cluster before its jobs act on the outside, and before anything may write to the old one's backups.
 * A location is writable before its schedules run, so that a fresh backup lies between. What provisions machines or touches other clusters comes late, and
 * GitOps last: it applies all that git says, held or not. Before it, fields change their owner.
 */
export const HOLD_KINDS = [
  'admission',
  'dns-provider',
  'scheduled-job',
  'reclaim-policy',
  'backup-location',
  'backup-schedule',
  'cluster-api',
  'child-cluster',
  'field-owner',
  'gitops',
] as const;
export type HoldKind = (typeof HOLD_KINDS)[number];
