import pLimit from 'p-limit';
import { z } from 'zod';
import { isClusterBackup } from '../backup/backup-names.ts';
import { type QuickVerdict, quickVerdict } from '../backup/quick-verdict.ts';
import { backupKeys, backupsPrefix, restoreResultsKey } from '../backup/velero-layout.ts';
import type { JsonObject } from '../model/json.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { StepPorts } from './ports.ts';
import { bucketPrefix } from './recovery/places.ts';
import { OBJECT, quickFacts } from './recovery/read-files.ts';
import { readGzipJson, readJson } from './recovery/read-json.ts';
import { objectStoreRef } from './schemas.ts';

/** Backups judged side by side, five small files each. A bucket with a year of hourly backups holds 9,000. */
const READS_AT_A_TIME = 8;

const RESTORE_RESULTS = z.object({
  errors: z
    .object({
      velero: z.array(z.string()).nullish(),
      cluster: z.array(z.string()).nullish(),
      namespaces: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
    })
    .nullish(),
});

/** The Backup object as Velero stored it beside its data; `undefined` when it is missing or not JSON. */
export async function readBackupMetadata(
  ports: StepPorts,
  backup: PlanBackup,
  options: { readonly name: string; readonly signal: AbortSignal },
): Promise<JsonObject | undefined> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  const { metadata } = backupKeys(bucketPrefix(backup), options.name);
  return (await readJson(store, metadata, { shape: OBJECT, signal: options.signal })) as JsonObject | undefined;
}

/**
 * What Velero itself says went wrong in a restore: the errors of `restores/<name>/restore-<name>-results.gz`, `namespace: text` each; empty when the file
 * is not there.
 */
export async function restoreErrors(
  ports: StepPorts,
  backup: PlanBackup,
  options: { readonly restore: string; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  const key = restoreResultsKey(bucketPrefix(backup), options.restore);
  const errors = (await readGzipJson(store, key, { shape: RESTORE_RESULTS, signal: options.signal }))?.errors;
  const inNamespaces = Object.entries(errors?.namespaces ?? {}).flatMap(([namespace, lines]) => (lines ?? []).map((line) => `${namespace}: ${line}`));
  return [...(errors?.velero ?? []), ...(errors?.cluster ?? []), ...inNamespaces];
}

/**
 * Judges the backups of a store's LatticeClusterBackup from the bucket alone, newest first. Backups taken after `before` are left out, so that a resume
 * finds the same ones. `signal` ends the reading.
 */
export async function recoveryPoints(
  ports: Pick<StepPorts, 'objectStores'>,
  section: PlanBackup,
  options: { readonly before: number; readonly now: number; readonly signal: AbortSignal },
): Promise<readonly QuickVerdict[]> {
  const store = await ports.objectStores.open(objectStoreRef(section));
  const names = (await backupNames(ports, section, options.signal)).filter((name) => isClusterBackup(name, section.clusterBackup));
  const limit = pLimit({ concurrency: READS_AT_A_TIME, rejectOnClear: true });
  const judged = await limit.map([...names], async (name) => {
    const facts = await quickFacts(store, section, { name, signal: options.signal });
    const at = String((facts.metadata?.['status'] as JsonObject | undefined)?.['completionTimestamp'] ?? '');
    return { at, verdict: quickVerdict(facts, options.now) };
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
