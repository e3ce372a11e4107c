import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import pLimit from 'p-limit';
import { z } from 'zod';
import { foreignTo } from '../backup/foreign.ts';
import { type BackupFacts, type QuickVerdict, quickVerdict } from '../backup/quick-verdict.ts';
import type { RestoreResults } from '../backup/restore-results.ts';
import { backupKeys, backupsPrefix, locationName, restoreResultsKey, scheduleName } from '../backup/velero-layout.ts';
import type { JsonObject } from '../model/json.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { StepPorts } from './ports.ts';
import { objectStoreRef } from './schemas.ts';

/** Bounds of what is read for a quick verdict: a gzip of this size that unpacks to more than the second figure is not believed. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;
/** Backups judged side by side, five small files each. A bucket with a year of hourly backups holds 9,000. */
const READS_AT_A_TIME = 8;

const unpack = promisify(gunzip);

/** What a file of a backup must look like to be believed; anything else counts as unreadable, and the verdict names the file. */
const OBJECT = z.record(z.string(), z.unknown());
const OBJECTS = z.array(OBJECT).nullable();
const NAMES_BY_TYPE = z.record(z.string(), z.array(z.string()).nullable());
const RESULT_LINES = z
  .object({
    velero: z.array(z.string()).nullish(),
    cluster: z.array(z.string()).nullish(),
    namespaces: z.record(z.string(), z.array(z.string()).nullable()).nullish(),
  })
  .nullish();
const RESTORE_RESULTS = z.object({ errors: RESULT_LINES, warnings: RESULT_LINES });

function parseAs<T>(text: string, shape: z.ZodType<T>): T | undefined {
  try {
    return shape.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // Not JSON: the verdict names the file; the reader has nothing to add.
  }
}

interface FileOptions<T> {
  readonly shape: z.ZodType<T>;
  readonly signal: AbortSignal;
}

async function readJson<T>(store: ObjectStore, key: string, { shape, signal }: FileOptions<T>): Promise<T | undefined> {
  const bytes = await store.read(key, { maxBytes: MAX_FILE_BYTES, signal });
  return bytes === undefined ? undefined : parseAs(Buffer.from(bytes).toString('utf8'), shape);
}

async function readGzipJson<T>(store: ObjectStore, key: string, { shape, signal }: FileOptions<T>): Promise<T | undefined> {
  const bytes = await store.read(key, { maxBytes: MAX_FILE_BYTES, signal });
  const unpacked = bytes === undefined ? undefined : await unpack(bytes, { maxOutputLength: MAX_UNPACKED_BYTES }).catch(() => undefined);
  return unpacked === undefined ? undefined : parseAs(unpacked.toString('utf8'), shape);
}

async function factsOf(store: ObjectStore, section: PlanBackup, options: { readonly name: string; readonly signal: AbortSignal }): Promise<BackupFacts> {
  const { name, signal } = options;
  const keys = backupKeys(bucketPrefix(section), name);
  const [metadata, tarball, resourceList, volumeInfo, volumeSnapshots] = await Promise.all([
    readJson(store, keys.metadata, { shape: OBJECT, signal }),
    store.head(keys.tarball, signal),
    readGzipJson(store, keys.resourceList, { shape: NAMES_BY_TYPE, signal }),
    readGzipJson(store, keys.volumeInfo, { shape: OBJECTS, signal }),
    readGzipJson(store, keys.volumeSnapshots, { shape: OBJECTS, signal }),
  ]);
  return {
    name,
    metadata: metadata as JsonObject | undefined,
    tarballBytes: tarball?.sizeBytes,
    resourceList: resourceList as BackupFacts['resourceList'],
    // Velero writes an empty list as null.
    volumeInfo: (volumeInfo === null ? [] : volumeInfo) as BackupFacts['volumeInfo'],
    volumeSnapshots: (volumeSnapshots === null ? [] : volumeSnapshots) as BackupFacts['volumeSnapshots'],
  };
}

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

/** Prefix in the bucket: what the plan says, else what the platform uses for the store. */
export function bucketPrefix(section: PlanBackup): string {
  return section.prefix ?? locationName(section.store);
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
export async function recoveryPoints(ports: StepPorts, section: PlanBackup, options: RecoveryPointOptions): Promise<readonly QuickVerdict[]> {
  const store = await ports.objectStores.open(objectStoreRef(section));
  const root = backupsPrefix(bucketPrefix(section));
  const listing = await store.list({ prefix: root, delimiter: '/', signal: options.signal });
  const wanted = section.clusterBackup === undefined ? 'lattice-' : `${scheduleName(section.clusterBackup)}-`;
  // Velero appends the time; another LatticeClusterBackup may begin with the same words.
  const isWanted = (name: string) =>
    name.startsWith(wanted) && (section.clusterBackup === undefined ? !name.startsWith('lattice-svc-') : /^\d{14}$/.test(name.slice(wanted.length)));
  const names = listing.prefixes.map((prefix) => prefix.slice(root.length).replace(/\/$/, '')).filter(isWanted);
  const limit = pLimit({ concurrency: READS_AT_A_TIME, rejectOnClear: true });
  const judged = await limit.map(names, async (name) => {
    const facts = await factsOf(store, section, { name, signal: options.signal });
    const at = String((facts.metadata?.['status'] as JsonObject | undefined)?.['completionTimestamp'] ?? '');
    const foreign = foreignTo(facts, options.cluster);
    return { at, verdict: foreign === undefined ? quickVerdict(facts, options.now) : { usable: false as const, name, reason: foreign } };
  });
  const verdicts = judged.filter(({ at }) => at === '' || Date.parse(at) <= options.before);
  return verdicts.toSorted((a, b) => (a.at < b.at ? 1 : -1)).map(({ verdict }) => verdict);
}
