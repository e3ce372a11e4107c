import type { BackupSetup, ScheduleSetup, StoreSetup } from '../../model/backup-setup.ts';
import { locationName } from '../velero-layout.ts';
import { goDurationMs, isGoDuration, serviceCronFault, veleroCronFault } from './cron.ts';
import { about, type CoverageFinding } from './finding.ts';
import { statusFindings } from './statuses.ts';
import { defaultStores, missingPlugin, SYSTEM_NAMESPACE } from './stores.ts';

/** A schedule, the store that it really goes to, and why it does not run. */
export interface ResolvedSchedule {
  readonly schedule: ScheduleSetup;
  readonly store: StoreSetup | undefined;
  /** Why no backup comes of it, a few words each; empty when one does. */
  readonly stopped: readonly string[];
  readonly findings: readonly CoverageFinding[];
}

/** Resolves every schedule, by the platform's own rules, and says what is wrong with it. */
export function resolveSchedules(setup: BackupSetup): readonly ResolvedSchedule[] {
  const clashing = clashes(setup.schedules);
  return setup.schedules.map((schedule) => {
    const { store, finding } = storeOf(schedule, setup);
    const findings = [
      ...(finding === undefined ? [] : [finding]),
      ...cron(schedule),
      ...paused(schedule),
      ...ttl(schedule),
      ...ignored(schedule),
      ...statusFindings(schedule, 'schedule'),
      ...observed(schedule),
      ...leftOver(schedule),
      ...clashing.filter(({ object }) => object === schedule.object),
    ];
    const stopped = [
      ...findings.flatMap(({ code }) => STOPS[code] ?? []),
      ...(setup.around.veleroEnabled ? [] : ['Velero is not installed']),
      ...(store !== undefined && missingPlugin(store, setup) !== undefined ? ['plugin missing'] : []),
    ];
    return { schedule, store, stopped, findings };
  });
}

/** Findings after which no backup is made. */
const STOPS: Partial<Readonly<Record<CoverageFinding['code'], string>>> = {
  'store-not-found': 'store not found',
  'store-elsewhere': 'store not found',
  'no-default-store': 'no default store',
  'cron-refused': 'cron refused',
  'schedule-not-made': 'not made',
  'ttl-form': 'ttl not readable',
  paused: 'paused',
};

interface FoundStore {
  readonly store?: StoreSetup;
  readonly finding?: CoverageFinding;
}

/** A named store is looked up in the namespace of what names it; without a name it is the default of `lattice-system`. Of several the platform says which. */
function storeOf(schedule: ScheduleSetup, setup: BackupSetup): FoundStore {
  if (schedule.kind === 'velero') {
    const store = setup.stores.find(({ name, location }) => (location?.name ?? locationName(name)) === schedule.location);
    return store === undefined ? {} : { store };
  }
  const { storeRef, namespace } = schedule;
  const named = setup.stores.filter(({ name }) => name === storeRef);
  const meant = storeRef === undefined ? defaultStores(setup) : named.filter((candidate) => candidate.namespace === namespace);
  const taken = takenStore(schedule, setup);
  if (taken !== undefined && !meant.includes(taken)) return { store: taken, finding: differs(schedule, taken, meant) };
  const store = taken ?? meant[0];
  if (store !== undefined) return { store };
  return { finding: storeRef === undefined ? noDefault(schedule) : notFound(schedule, named) };
}

/** The store that the platform says it has resolved; of a backup that is Pending or Failed it says nothing that counts. */
function takenStore({ resolvedStore, status, storeRef, namespace }: ScheduleSetup, { stores }: BackupSetup): StoreSetup | undefined {
  if (resolvedStore === undefined || !['Active', 'Paused'].includes(status?.phase ?? '')) return undefined;
  const place = storeRef === undefined ? SYSTEM_NAMESPACE : namespace;
  return stores.find((store) => store.name === resolvedStore && store.namespace === place);
}

function differs(schedule: ScheduleSetup, taken: StoreSetup, meant: readonly StoreSetup[]): CoverageFinding {
  const [first] = meant;
  return about(schedule, {
    code: 'store-differs',
    severity: 'loss',
    message: `the platform says that it goes to store ${taken.name}, and ${first === undefined ? 'its spec leads to none' : `its spec means ${first.name}`}`,
    consequence: `its backups are in the bucket of ${taken.name}, where a recovery by its spec does not look`,
    fix: 'see whether the operator runs: it has not looked at the store or the backup since one of them was changed',
  });
}

/** A LatticeCluster's backup becomes Failed; a service's is a line in the operator's log. */
function consequenceOf({ kind }: ScheduleSetup): string {
  return kind === 'cluster'
    ? 'it becomes Failed and no Velero Schedule is made'
    : 'no Velero Schedule is made, and only the operator’s log says so: the service is Ready';
}

function noDefault(schedule: ScheduleSetup): CoverageFinding {
  return about(schedule, {
    code: 'no-default-store',
    severity: 'fault',
    message: 'it names no store, and no store in lattice-system has spec.default: true',
    consequence: consequenceOf(schedule),
    fix: 'name a store by storeRef, or make one the default',
  });
}

function notFound(schedule: ScheduleSetup, elsewhere: readonly StoreSetup[]): CoverageFinding {
  const where = elsewhere.length === 0 ? '' : `; there is one in ${elsewhere.map(({ namespace }) => namespace).join(', ')}, where it is not looked for`;
  return about(schedule, {
    code: elsewhere.length === 0 ? 'store-not-found' : 'store-elsewhere',
    severity: 'fault',
    message: `store '${schedule.storeRef ?? ''}' is not in its own namespace ${schedule.namespace}${where}`,
    consequence: consequenceOf(schedule),
    fix: `make a BackupStore of that name in ${schedule.namespace}, or leave storeRef out to use the default store`,
  });
}

/** Nobody checks the cron text of a LatticeClusterBackup; Velero then refuses its Schedule. That of a service is checked and refused without a status. */
function cron(schedule: ScheduleSetup): readonly CoverageFinding[] {
  const fault = (schedule.kind === 'service' ? serviceCronFault(schedule.cron) : undefined) ?? veleroCronFault(schedule.cron);
  if (fault === undefined) return [];
  return [
    about(schedule, {
      code: 'cron-refused',
      severity: 'loss',
      message: `schedule '${schedule.cron}': ${fault}`,
      consequence:
        schedule.kind === 'service'
          ? 'the platform makes no Velero Schedule of it and says so in its log only: the service is Ready and never saved'
          : 'Velero refuses the Schedule and never runs it, while the LatticeClusterBackup says Active',
      fix: schedule.kind === 'service' ? 'write five fields with one minute, such as "17 * * * *"' : 'write five fields, such as "0 2 * * *"',
    }),
  ];
}

/** By its spec, or by somebody who paused the Velero Schedule itself. */
function paused(schedule: ScheduleSetup): readonly CoverageFinding[] {
  const { isPaused, observed: seen, velero } = schedule;
  if (!isPaused && seen?.isPaused !== true) return [];
  return [
    about(schedule, {
      code: 'paused',
      severity: 'loss',
      message: isPaused ? 'spec.paused is true' : `Velero Schedule ${velero} is paused, and the spec does not say so`,
      consequence: 'no new backup is taken; the old ones are still expired, one after the other, until none is left',
      fix: isPaused ? 'set spec.paused to false' : `kubectl -n velero patch schedule ${velero} --type merge -p '{"spec":{"paused":false}}'`,
    }),
  ];
}

/** Velero reads Go durations, in which there are no days; the platform hands the text on as it is. */
function ttl(schedule: ScheduleSetup): readonly CoverageFinding[] {
  const { ttl: text, periodMs } = schedule;
  if (text === undefined) return [];
  if (!isGoDuration(text)) {
    return [
      about(schedule, {
        code: 'ttl-form',
        severity: 'loss',
        message: `ttl '${text}' is no Go duration (hours, minutes, seconds)`,
        consequence: 'Velero cannot read the Schedule, so no backup is made',
        fix: /^\d+d$/.test(text) ? `write ${Number(text.slice(0, -1)) * 24}h` : 'write hours, such as 720h',
      }),
    ];
  }
  const ttlMs = goDurationMs(text) ?? 0;
  if (periodMs === undefined || ttlMs >= 2 * periodMs) return [];
  return [
    about(schedule, {
      code: 'ttl-too-short',
      severity: 'loss',
      message: `ttl ${text} is less than two periods of '${schedule.cron}'`,
      consequence: 'one backup that fails leaves none: the one before has expired by then',
      fix: `keep backups for at least ${Math.ceil((2 * periodMs) / 3_600_000)}h, better for as long as a fault may go unnoticed`,
    }),
  ];
}

/** Fields that the platform accepts and nothing reads (`lattice-backup/src/cluster_backup_controller.rs`). */
function ignored(schedule: ScheduleSetup): readonly CoverageFinding[] {
  return schedule.ignored.map((field) =>
    about(schedule, {
      code: 'field-ignored',
      severity: 'note',
      message: `${field} is set and read by nobody`,
      consequence: field.endsWith('daily')
        ? 'backups are kept as long as their ttl says and not one day longer, however many that are'
        : 'it selects nothing: what is saved follows from the rest of the scope alone',
      fix: field.endsWith('daily') ? 'say how long by retention.ttl' : 'list the namespaces by scope.includeNamespaces',
    }),
  );
}

function observed(schedule: ScheduleSetup): readonly CoverageFinding[] {
  const { observed: seen, velero } = schedule;
  if (seen === undefined || ['Enabled', 'New', ''].includes(seen.phase)) return [];
  return [
    about(schedule, {
      code: 'schedule-not-made',
      severity: 'loss',
      message: `Velero Schedule ${velero} is ${seen.phase}${seen.message === '' ? '' : `: ${seen.message}`}`,
      consequence: 'no backup is made of it now',
      fix: `kubectl -n velero get schedule ${velero} -o yaml, and the operator’s log, say why`,
    }),
  ];
}

/** The platform keeps a Schedule that it has made when the service or its field goes away (`lattice-backup/src/service_backup_controller.rs`). */
function leftOver(schedule: ScheduleSetup): readonly CoverageFinding[] {
  if (schedule.kind !== 'velero' || schedule.at !== undefined || !schedule.velero.startsWith('lattice-')) return [];
  return [
    about(schedule, {
      code: 'schedule-left-over',
      severity: 'note',
      message: `Velero Schedule ${schedule.velero} is named as the platform names its own, and nothing asks for it any more`,
      consequence: 'it goes on saving what is left of a service that has gone, and its backups look like those of a living one',
      fix: `kubectl -n velero delete schedule ${schedule.velero}, once nobody needs it`,
    }),
  ];
}

/** The Velero Schedule is named after the object alone, without its namespace. */
function clashes(schedules: readonly ScheduleSetup[]): readonly CoverageFinding[] {
  return [...Map.groupBy(schedules, ({ velero }) => velero).values()].flatMap(([first, ...others]) =>
    others.map((schedule) =>
      about(schedule, {
        code: 'schedule-clash',
        severity: 'fault',
        message: `${first?.object ?? ''} becomes Velero Schedule ${schedule.velero} too`,
        consequence: 'the two overwrite each other’s Schedule: what is saved is what was written last',
        fix: 'give one of them another name',
      }),
    ),
  );
}
