import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { backupKeys, backupsPrefix, locationName, restoreResultsKey, scheduleName } from '../backup/velero-layout.ts';
import { quickVerdict, type BackupFacts, type QuickVerdict } from '../backup/quick-verdict.ts';
import type { JsonObject } from '../model/json.ts';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { StepPorts } from './ports.ts';
import { objectStoreRef } from './schemas.ts';

/** Bounds of what is read for a quick verdict: a gzip of this size that unpacks to more than the second figure is not believed. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;

async function readJson(store: ObjectStore, key: string, signal: AbortSignal): Promise<unknown> {
  const bytes = await store.read(key, { maxBytes: MAX_FILE_BYTES, signal });
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined; // Not JSON: the verdict names the file; the reader has nothing to add.
  }
}

async function readGzipJson(store: ObjectStore, key: string, signal: AbortSignal): Promise<unknown> {
  const bytes = await store.read(key, { maxBytes: MAX_FILE_BYTES, signal });
  if (bytes === undefined) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of Readable.from([bytes]).pipe(createGunzip())) {
      size += (chunk as Buffer).length;
      if (size > MAX_UNPACKED_BYTES) return undefined;
      chunks.push(chunk as Buffer);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined; // Truncated or not JSON: reported as unreadable by the verdict.
  }
}

async function factsOf(store: ObjectStore, section: PlanBackup, options: { readonly name: string; readonly signal: AbortSignal }): Promise<BackupFacts> {
  const { name, signal } = options;
  const keys = backupKeys(bucketPrefix(section), name);
  const [metadata, tarball, resourceList, volumeInfo, volumeSnapshots] = await Promise.all([
    readJson(store, keys.metadata, signal),
    store.head(keys.tarball, signal),
    readGzipJson(store, keys.resourceList, signal),
    readGzipJson(store, keys.volumeInfo, signal),
    readGzipJson(store, keys.volumeSnapshots, signal),
  ]);
  return {
    name,
    metadata: metadata as JsonObject | undefined,
    tarballBytes: tarball?.sizeBytes,
    resourceList: resourceList as BackupFacts['resourceList'],
    volumeInfo: volumeInfo as BackupFacts['volumeInfo'],
    volumeSnapshots: volumeSnapshots as BackupFacts['volumeSnapshots'],
  };
}

/** The Backup object as Velero stored it beside its data; `undefined` when it is missing or not JSON. */
export async function readBackupMetadata(ports: StepPorts, backup: PlanBackup, options: { readonly name: string; readonly signal: AbortSignal }): Promise<JsonObject | undefined> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  return (await readJson(store, backupKeys(bucketPrefix(backup), options.name).metadata, options.signal)) as JsonObject | undefined;
}

/**
 * What Velero itself says went wrong in a restore: the errors of `restores/<name>/restore-<name>-results.gz`, `namespace: text` each; empty when the file
 * is not there.
 */
export async function restoreErrors(ports: StepPorts, backup: PlanBackup, options: { readonly restore: string; readonly signal: AbortSignal }): Promise<readonly string[]> {
  const store = await ports.objectStores.open(objectStoreRef(backup));
  const results = await readGzipJson(store, restoreResultsKey(bucketPrefix(backup), options.restore), options.signal);
  const errors = ((results ?? {}) as { errors?: { velero?: string[]; cluster?: string[]; namespaces?: Record<string, string[]> } }).errors ?? {};
  const inNamespaces = Object.entries(errors.namespaces ?? {}).flatMap(([namespace, lines]) => lines.map((line) => `${namespace}: ${line}`));
  return [...(errors.velero ?? []), ...(errors.cluster ?? []), ...inNamespaces];
}

/** Prefix in the bucket: what the plan says, else what the platform uses for the store. */
export function bucketPrefix(section: PlanBackup): string {
  return section.prefix ?? locationName(section.store);
}

/**
 * Judges the backups of a store's LatticeClusterBackup from the bucket alone, newest first. Backups taken after `before` are left out, so that a resume
 * finds the same ones. `signal` ends the reading.
 */
export async function recoveryPoints(ports: StepPorts, section: PlanBackup, options: { readonly before: number; readonly now: number; readonly signal: AbortSignal }): Promise<readonly QuickVerdict[]> {
  const store = await ports.objectStores.open(objectStoreRef(section));
  const root = backupsPrefix(bucketPrefix(section));
  const listing = await store.list({ prefix: root, delimiter: '/', signal: options.signal });
  const wanted = section.clusterBackup === undefined ? 'lattice-' : `${scheduleName(section.clusterBackup)}-`;
  const names = listing.prefixes
    .map((prefix) => prefix.slice(root.length).replace(/\/$/, ''))
    .filter((name) => name.startsWith(wanted) && !name.startsWith('lattice-svc-'));
  const verdicts: { readonly verdict: QuickVerdict; readonly at: string }[] = [];
  for (const name of names) {
    const facts = await factsOf(store, section, { name, signal: options.signal });
    const at = String((facts.metadata?.['status'] as JsonObject | undefined)?.['completionTimestamp'] ?? '');
    if (at !== '' && Date.parse(at) > options.before) continue;
    verdicts.push({ verdict: quickVerdict(facts, options.now), at });
  }
  return verdicts.sort((a, b) => (a.at < b.at ? 1 : -1)).map(({ verdict }) => verdict);
}
