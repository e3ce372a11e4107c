import { type CatalogueEntry, type CatalogueSource, inOrder } from '../backup/catalogue.ts';
import { isDrError } from '../errors/dr-error.ts';
import type { DurationMs } from '../model/duration.ts';
import { planEtcdSnapshots } from '../model/plan/etcd-snapshots.ts';
import { planObjectives } from '../model/plan/objectives.ts';
import { etcdSource } from '../steps/recovery/etcd-source.ts';
import { veleroSource } from '../steps/recovery/velero-source.ts';
import { type BackupTools, backupSections, sealsOf } from './backup-tools.ts';
import { restoredBackups } from './restored-backups.ts';

/** Recovery points of a cluster, newest first. */
export interface BackupList {
  readonly cluster: string;
  /** When it was looked, ISO 8601, UTC. */
  readonly at: string;
  readonly rpoMs: DurationMs;
  readonly entries: readonly ListedBackup[];
  /** What could not be read, and why. */
  readonly findings: readonly string[];
}

export interface ListedBackup extends CatalogueEntry {
  readonly ageMs?: DurationMs;
  /** Older than the objective. */
  readonly isLate?: boolean;
}

export interface ListRequest {
  /** Only so many of each schedule, the newest. */
  readonly newest?: number;
  /** Recovery points of other kinds than Velero's. */
  readonly sources?: readonly CatalogueSource[];
}

/** Lists the recovery points of the plan's cluster without asking the cluster. A source that cannot be read is a finding; the others are listed. */
export async function listBackups({ newest, sources = [] }: ListRequest, tools: BackupTools): Promise<BackupList> {
  const now = tools.clock.now();
  const seals = sealsOf(tools);
  const etcd = planEtcdSnapshots.array().parse(tools.plan.values['etcdSnapshots'] ?? []);
  const velero = backupSections(tools).map((section) => veleroSource(tools.ports, { section, seals, now, ...(newest === undefined ? {} : { newest }) }));
  const [parts, tested] = await Promise.all([
    Promise.all([...velero, ...etcd.map((place) => etcdSource(tools.ports, place, now)), ...sources].map(async (source) => await listed(source, tools.signal))),
    testedBackups(tools),
  ]);
  const { rpo } = planObjectives.parse(tools.plan.values['objectives']);
  const entries = parts.flatMap((part) => part.entries).map((entry) => ({ ...entry, ...testOf(entry, tested.value), ...ageOf(entry, { now, rpo }) }));
  return {
    cluster: tools.plan.plan.spec.cluster.name,
    at: new Date(now).toISOString(),
    rpoMs: rpo,
    entries: inOrder(entries),
    findings: [...parts.flatMap((part) => part.findings), ...tested.findings],
  };
}

type Tested = Awaited<ReturnType<typeof restoredBackups>>;

async function testedBackups({ store, plan, signal }: BackupTools): Promise<{ readonly value: Tested; readonly findings: readonly string[] }> {
  try {
    return { value: await restoredBackups(store, plan.plan.spec.cluster.name), findings: [] };
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || signal.aborted) throw error;
    return { value: new Map(), findings: [`when backups were tested: ${error.message}`] };
  }
}

async function listed(
  source: CatalogueSource,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly CatalogueEntry[]; readonly findings: readonly string[] }> {
  try {
    return { entries: await source.list(signal), findings: [] };
  } catch (error) {
    if (!isDrError(error) || error.code === 'BUG' || signal.aborted) throw error;
    return { entries: [], findings: [`${source.name}: ${error.message}`] };
  }
}

function testOf({ store, name }: CatalogueEntry, tested: Tested): Pick<CatalogueEntry, 'tested'> {
  const found = tested.get(`${store}/${name}`);
  return found === undefined ? {} : { tested: found };
}

function ageOf({ takenAt }: CatalogueEntry, { now, rpo }: { readonly now: number; readonly rpo: DurationMs }): Pick<ListedBackup, 'ageMs' | 'isLate'> {
  const at = takenAt === undefined ? Number.NaN : Date.parse(takenAt);
  if (Number.isNaN(at)) return {};
  const ageMs = Math.max(0, now - at);
  return { ageMs, isLate: ageMs > rpo };
}
