import pLimit from 'p-limit';
import { originOf } from '../../backup/backup-names.ts';
import { type CatalogueEntry, type CatalogueSource, coverageText } from '../../backup/catalogue.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { StepPorts } from '../ports.ts';
import { backupNames } from '../recovery-points.ts';
import { type JudgedBackup, judgeBackup } from './judge-backup.ts';
import type { Seals } from './seals.ts';
import { type VanishedBackup, vanishedBackups } from './vanished.ts';

const MISSING = 'missing';

/** Backups looked at side by side, a dozen requests each. */
const BACKUPS_AT_A_TIME = 4;

export interface VeleroSourceOptions {
  readonly section: PlanBackup;
  readonly seals: Seals;
  readonly now: number;
  /** Only so many of each schedule, the newest; all without it. */
  readonly newest?: number;
}

/** The Velero backups of a store, from its bucket alone. Tarballs are not read: `backup verify` does that. */
export function veleroSource(ports: Pick<StepPorts, 'objectStores'>, { section, seals, now, newest }: VeleroSourceOptions): CatalogueSource {
  return {
    name: `store ${section.store}`,
    async list(signal) {
      const present = await backupNames(ports, section, signal);
      const limit = pLimit({ concurrency: BACKUPS_AT_A_TIME, rejectOnClear: true });
      const options = { now, seals, signal, read: 'files', locks: 'tarball', listings: new Map() } as const;
      const entries = await limit.map([...newestOf(present, newest)], async (name) => entryOf(await judgeBackup(ports, section, { ...options, name })));
      const missing = await vanishedBackups(seals, { store: section.store, present, now });
      return [...entries, ...missing.map(missingEntry)];
    },
  };
}

/** Names of scheduled backups end in their time, so that the newest can be told without reading them. */
function newestOf(names: readonly string[], count: number | undefined): readonly string[] {
  if (count === undefined) return names;
  const series = Map.groupBy(names, (name) => name.replace(/-\d{14}$/, ''));
  return [...series.values()].flatMap((members) => members.toSorted().slice(-count));
}

/** What is missed, as a line of the catalogue; all that is known of it is in its seal. */
function missingEntry({ name, store, completedAt, reason }: VanishedBackup): CatalogueEntry {
  const { kind } = originOf(name);
  return {
    kind: kind === 'other' ? 'velero' : kind,
    name,
    store,
    ...(completedAt === '' ? {} : { takenAt: completedAt }),
    sizeBytes: 0,
    covers: MISSING,
    verdict: { state: 'bad', reasons: [reason], warnings: [] },
  };
}

/** A judged backup as a line of the catalogue. */
function entryOf({ name, store, files, objects, immutability, verdict }: JudgedBackup): CatalogueEntry {
  const origin = originOf(name);
  const status = (files.metadata?.['status'] ?? {}) as { readonly completionTimestamp?: unknown; readonly startTimestamp?: unknown };
  const takenAt = [status.completionTimestamp, status.startTimestamp].find((time) => typeof time === 'string');
  return {
    kind: origin.kind === 'other' ? 'velero' : origin.kind,
    name,
    store,
    ...(takenAt === undefined ? {} : { takenAt }),
    // A repository is shared with every other backup of its namespaces.
    sizeBytes: objects.filter(({ place }) => place !== 'repository').reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    // Some servers go on listing a folder in which everything is deleted.
    covers: objects.some(({ place }) => place === 'backup') ? coverageText(files) : MISSING,
    ...(immutability === undefined ? {} : { immutability }),
    verdict,
  };
}
