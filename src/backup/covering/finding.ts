import type { Written } from '../../model/backup-setup.ts';

/**
 * How much it matters. `fault`: the setup contradicts itself, and validation refuses it. `loss`: something would not come back. `note`: worth knowing,
 * nothing is lost by it.
 */
export type CoverageSeverity = 'fault' | 'loss' | 'note';

/** What coverage can find; stable, so that nobody matches on text. One line each, sorted. */
export type CoverageCode =
  | 'capi-omitted'
  | 'cluster-scoped-omitted'
  | 'credential-missing'
  | 'credential-none'
  | 'credential-unwired'
  | 'cron-refused'
  | 'default-store-elsewhere'
  | 'endpoint-inside-cluster'
  | 'endpoint-missing'
  | 'field-ignored'
  | 'kinds-not-there'
  | 'kinds-omitted'
  | 'location-clash'
  | 'location-not-available'
  | 'no-default-store'
  | 'no-schedule'
  | 'not-applied'
  | 'paused'
  | 'place-missing'
  | 'plugin-missing'
  | 'region-missing'
  | 'rpo-not-kept'
  | 'schedule-clash'
  | 'schedule-left-over'
  | 'schedule-not-made'
  | 'secrets-omitted'
  | 'store-differs'
  | 'store-elsewhere'
  | 'store-not-found'
  | 'store-shared'
  | 'ttl-form'
  | 'ttl-too-short'
  | 'two-default-stores'
  | 'velero-not-installed'
  | 'volume-at-zero-replicas'
  | 'volume-not-copied'
  | 'volume-omitted';

/** One thing that the configured backups would not bring back, or that is wrong with how they are set up. */
export interface CoverageFinding extends Written {
  readonly code: CoverageCode;
  readonly severity: CoverageSeverity;
  /** What is so: lower case, with the value. */
  readonly message: string;
  /** What it means in a recovery. */
  readonly consequence: string;
  /** What to do about it. */
  readonly fix: string;
}

/** What a rule says, besides what it is about. */
type Said = Omit<CoverageFinding, keyof Written>;

/** Makes a finding about a part of the setup. */
export function about({ object, at }: Written, said: Said): CoverageFinding {
  return { object, ...(at === undefined ? {} : { at }), ...said };
}
