import pLimit from 'p-limit';
import { z } from 'zod';
import { isClusterBackup } from '../backup/backup-names.ts';
import { foreignTo } from '../backup/foreign.ts';
import { type QuickVerdict, quickVerdict } from '../backup/quick-verdict.ts';
import type { RestoreResults } from '../backup/restore-results.ts';
import { backupKeys, backupsPrefix, restoreResultsKey } from '../backup/velero-layout.ts';
import type { JsonObject } from '../model/json.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { StepPorts } from './ports.ts';
import { bucketPrefix } from './recovery/places.ts';
import { OBJECT, OBJECTS, quickFacts } from './recovery/read-files.ts';
import { readGzipJson, readJson } from './recovery/read-json.ts';
import { objectStoreRef } from './schemas.ts';

/** Backups judged side by side, five small files each. A bucket with a year of hourly backups holds 9,000. */
const READS_AT_A_TIME = 8;

const RESULT_LINES = z
  .object({
    velero: z.array(z.string()).nullish(),
    cluster: z.array(z.string()).nullish(),
    namespaces: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
  })
  .nullish();
const RESTORE_RESULTS = z.object({ errors: RESULT_LINES, warnings: RESULT_LINES });

/** The Backup object as Velero stored it beside its data; `undefined` when it is missing or not JSON. */
export async function readBackupMetadata(
  ports: Pick<StepPorts, 'objectStores'>,
  backup: PlanBackup,
  options: { readonly name: string; readonly signal: AbortSignal },
): Promise<JsonObject | undefined> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  const { metadata } = backupKeys(bucketPrefix(backup), options.name);
  return (await readJson(store, metadata, { shape: OBJECT, signal: options.signal })) as JsonObject | undefined;
}

/** The volume information of a backup: how each volume was saved; empty when it is missing or unreadable. */
export async function readVolumeInfo(
  ports: StepPorts,
  backup: PlanBackup,
  options: { readonly name: string; readonly signal: AbortSignal },
): Promise<readonly JsonObject[]> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  const { volumeInfo } = backupKeys(bucketPrefix(backup), options.name);
  return ((await readGzipJson(store, volumeInfo, { shape: OBJECTS, signal: options.signal })) ?? []) as readonly JsonObject[];
}

/** What Velero itself says of a restore (`restores/<name>/restore-<name>-results.gz`); nothing when the file is not there. */
export async function restoreResults(
  ports: StepPorts,
  backup: PlanBackup,
  options: { readonly restore: string; readonly signal: AbortSignal },
): Promise<RestoreResults> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  const key = restoreResultsKey(bucketPrefix(backup), options.restore);
  const results = await readGzipJson(store, key, { shape: RESTORE_RESULTS, signal: options.signal });
  return { errors: linesOf(results?.errors), warnings: linesOf(results?.warnings) };
}

function linesOf(lines: z.output<typeof RESULT_LINES>): readonly string[] {
  const inNamespaces = Object.entries(lines?.namespaces ?? {}).flatMap(([namespace, texts]) => (texts ?? []).map((text) => `${namespace}: ${text}`));
  return [...(lines?.velero ?? []), ...(lines?.cluster ?? []), ...inNamespaces];
}

export interface RecoveryPointOptions {
  /** Cluster that is restored: backups of another are not its recovery points. */
  readonly cluster: string;
  /** Later ones are left out; milliseconds since 1970, as `now`. */
  readonly before: number;
  readonly now: number;
  readonly signal: AbortSignal;
}

/**
 * Judges the backups of a store's LatticeClusterBackup from the bucket alone, newest first. Backups taken after `before` are left out, so that a resume
 * finds the same ones. `signal` ends the reading.
 */
export async function recoveryPoints(
  ports: Pick<StepPorts, 'objectStores'>,
  section: PlanBackup,
  options: RecoveryPointOptions,
): Promise<readonly QuickVerdict[]> {
  const store = await ports.objectStores.open(objectStoreRef(section));
  const names = (await backupNames(ports, section, options.signal)).filter((name) => isClusterBackup(name, section.clusterBackup));
  const limit = pLimit({ concurrency: READS_AT_A_TIME, rejectOnClear: true });
  const judged = await limit.map([...names], async (name) => {
    const facts = await quickFacts(store, section, { name, signal: options.signal });
    const at = String((facts.metadata?.['status'] as JsonObject | undefined)?.['completionTimestamp'] ?? '');
    const foreign = foreignTo(facts, options.cluster);
    return { at, verdict: foreign === undefined ? quickVerdict(facts, options.now) : { usable: false as const, name, reason: foreign } };
  });
  const verdicts = judged.filter(({ at }) => at === '' || Date.parse(at) <= options.before);
  return verdicts.toSorted((a, b) => (a.at < b.at ? 1 : -1)).map(({ verdict }) => verdict);
}

/** Names of all backups in a store's place, whoever took them. */
export async function backupNames(ports: Pick<StepPorts, 'objectStores'>, section: PlanBackup, signal: AbortSignal): Promise<readonly string[]> {
  const store = await ports.objectStores.open(objectStoreRef(section));
  const root = backupsPrefix(bucketPrefix(section));
  const { prefixes } = await store.list({ prefix: root, delimiter: '/', signal });
  return prefixes.map((prefix) => prefix.slice(root.length).replace(/\/$/, ''));
}
