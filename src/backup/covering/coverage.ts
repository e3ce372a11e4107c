import type { BackupSetup } from '../../model/backup-setup.ts';
import type { CoverageFinding, CoverageSeverity } from './finding.ts';
import { type ResolvedSchedule, resolveSchedules } from './schedules.ts';
import { scopeFindings } from './scope.ts';
import { storeFindings } from './stores.ts';
import { savesVolume, volumeFindings } from './volumes.ts';

/** One schedule, as it would really work. */
export interface ScheduleCoverage {
  /** Object that asks for it, by `refKey`. */
  readonly object: string;
  /** Name of the Velero Schedule. */
  readonly velero: string;
  readonly cron: string;
  /** Store that it goes to; absent when there is none. */
  readonly store?: string;
  /** Namespaces and kinds that it takes, in words. */
  readonly takes: string;
  /** Claims whose data it saves. */
  readonly volumes: readonly string[];
  /** Why it does not run; empty when it does. */
  readonly stopped: readonly string[];
}

/** What the configured backups would bring back, and what they would not. */
export interface Coverage {
  readonly schedules: readonly ScheduleCoverage[];
  /** Volumes in all, and those that some running schedule saves the data of. */
  readonly volumes: { readonly total: number; readonly saved: number };
  /** Faults first, then losses, then notes. */
  readonly findings: readonly CoverageFinding[];
}

const ORDER: readonly CoverageSeverity[] = ['fault', 'loss', 'note'];

/** Judges a setup by what the platform and Velero really do with it. Pure: the same setup gives the same answer. */
export function coverageOf(setup: BackupSetup): Coverage {
  const schedules = resolveSchedules(setup);
  const findings = [
    ...storeFindings(setup),
    ...schedules.flatMap((resolved) => [...resolved.findings]),
    ...rpo(setup, schedules),
    ...volumeFindings(setup, schedules),
    ...scopeFindings(setup, schedules),
  ];
  const rows = schedules.map((resolved) => rowOf(resolved, setup));
  const saved = new Set(rows.flatMap(({ volumes }) => volumes));
  return {
    schedules: rows,
    volumes: { total: setup.volumes.length, saved: setup.volumes.filter(({ claim }) => saved.has(claim)).length },
    findings: findings.toSorted((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity)),
  };
}

/** Faults of a setup: what validation refuses. */
export function setupFaults(setup: BackupSetup): readonly CoverageFinding[] {
  return coverageOf(setup).findings.filter(({ severity }) => severity === 'fault');
}

function rowOf(resolved: ResolvedSchedule, setup: BackupSetup): ScheduleCoverage {
  const { schedule, store, stopped } = resolved;
  const volumes = setup.volumes.filter((volume) => savesVolume(volume, resolved, setup)).map(({ claim }) => claim);
  return {
    object: schedule.object,
    velero: schedule.velero,
    cron: schedule.cron,
    ...(store === undefined ? {} : { store: store.name }),
    takes: takesInWords(schedule.template),
    volumes,
    stopped,
  };
}

function takesInWords({ selects, includedNamespaces, excludedNamespaces = [], includedResources }: ResolvedSchedule['schedule']['template']): string {
  if (selects !== undefined) return selects === '' ? 'what carries its labels' : `pods of ${selects} and what they mount`;
  const namespaces = includedNamespaces === undefined ? 'all namespaces' : includedNamespaces.join(', ');
  const without = excludedNamespaces.length === 0 ? '' : ` without ${excludedNamespaces.join(', ')}`;
  return `${namespaces}${without}: ${includedResources === undefined ? 'everything' : `${includedResources.length} kinds, no volumes`}`;
}

/** A schedule that takes volumes less often than the plan's objective allows. */
function rpo(setup: BackupSetup, schedules: readonly ResolvedSchedule[]): readonly CoverageFinding[] {
  const { rpoMs } = setup.around;
  if (rpoMs === undefined) return [];
  return setup.volumes.flatMap((volume): readonly CoverageFinding[] => {
    const periods = schedules.filter((resolved) => savesVolume(volume, resolved, setup)).map(({ schedule }) => schedule.periodMs ?? Number.POSITIVE_INFINITY);
    const best = Math.min(...periods);
    if (periods.length === 0 || best <= rpoMs || best === Number.POSITIVE_INFINITY) return [];
    return [
      {
        object: volume.object,
        ...(volume.at === undefined ? {} : { at: volume.at }),
        code: 'rpo-not-kept',
        severity: 'loss',
        message: `claim ${volume.claim} is saved every ${best / 60_000} min, and the plan allows to lose ${rpoMs / 60_000} min`,
        consequence: `up to ${best / 60_000} min of its data are lost in the best case`,
        fix: 'save it more often (a service’s own schedule at most hourly), or say in the plan that more may be lost',
      },
    ];
  });
}
