import { z } from 'zod';
import type { BackupFacts } from '../../backup/quick-verdict.ts';
import type { VeleroFiles } from '../../backup/velero-checks.ts';
import { backupKeys, type VeleroBackupKeys } from '../../backup/velero-layout.ts';
import type { JsonObject } from '../../model/json.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { ObjectStore } from '../../ports/object-store.ts';
import { type BackupObject, pinOf } from './backup-objects.ts';
import { bucketPrefix } from './places.ts';
import { readGzipJson, readJson } from './read-json.ts';

/** What a file of a backup must look like to be believed; anything else counts as unreadable, and the verdict names the file. */
export const OBJECT = z.record(z.string(), z.unknown());
export const OBJECTS = z.array(OBJECT).nullable();
const NAMES_BY_TYPE = z.record(z.string(), z.array(z.string()).nullable());

export interface ReadBackup {
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Reads the files that a quick verdict needs, as they are now. */
export async function quickFacts(store: ObjectStore, section: PlanBackup, { name, signal }: ReadBackup): Promise<BackupFacts> {
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
    volumeInfo: listOf(volumeInfo),
    volumeSnapshots: listOf(volumeSnapshots),
  };
}

/** Reads all small files of a backup, each exactly as it was listed. */
export async function veleroFiles(
  store: ObjectStore,
  section: PlanBackup,
  { name, signal, objects }: ReadBackup & { readonly objects: readonly BackupObject[] },
): Promise<VeleroFiles> {
  const keys = backupKeys(bucketPrefix(section), name);
  const reader = new ListedFiles(store, { keys, objects, signal });
  const [metadata, resourceList, volumeInfo, volumeSnapshots, itemOperations, podVolumeBackups, results] = await Promise.all([
    reader.json(keys.metadata),
    reader.packed(keys.resourceList, NAMES_BY_TYPE),
    reader.packed(keys.volumeInfo, OBJECTS),
    reader.packed(keys.volumeSnapshots, OBJECTS),
    reader.packed(keys.itemOperations, OBJECTS),
    reader.packed(keys.podVolumeBackups, OBJECTS),
    reader.packed(keys.results, OBJECT),
  ]);
  return {
    name,
    metadata: metadata as JsonObject | undefined,
    tarballBytes: reader.object(keys.tarball)?.sizeBytes,
    resourceList: resourceList as BackupFacts['resourceList'],
    volumeInfo: listOf(volumeInfo),
    volumeSnapshots: listOf(volumeSnapshots),
    itemOperations: listOf(itemOperations),
    podVolumeBackups: listOf(podVolumeBackups),
    results: results as JsonObject | undefined,
    tarballAt: reader.object(keys.tarball)?.lastModified,
    metadataAt: reader.object(keys.metadata)?.lastModified,
    unreadable: reader.unreadable.toSorted(),
  };
}

/** Velero writes an empty list as null. */
function listOf(value: readonly unknown[] | null | undefined): readonly JsonObject[] | undefined {
  return (value === null ? [] : value) as readonly JsonObject[] | undefined;
}

/** Files of a backup that were listed; those that cannot be read as what they should be are noted. */
class ListedFiles {
  readonly unreadable: string[] = [];
  readonly #store: ObjectStore;
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #objects: ReadonlyMap<string, BackupObject>;

  constructor(
    store: ObjectStore,
    { keys, objects, signal }: { readonly keys: VeleroBackupKeys; readonly objects: readonly BackupObject[]; readonly signal: AbortSignal },
  ) {
    this.#store = store;
    this.#directory = keys.directory;
    this.#signal = signal;
    this.#objects = new Map(objects.map((object) => [object.key, object]));
  }

  object(key: string): BackupObject | undefined {
    return this.#objects.get(key.slice(this.#directory.length));
  }

  async json(key: string): Promise<unknown> {
    return await this.#read(key, async (options) => await readJson(this.#store, key, { ...options, shape: OBJECT }));
  }

  async packed<T>(key: string, shape: z.ZodType<T>): Promise<T | undefined> {
    return await this.#read(key, async (options) => await readGzipJson(this.#store, key, { ...options, shape }));
  }

  async #read<T>(
    key: string,
    read: (options: { readonly signal: AbortSignal; readonly at: ReturnType<typeof pinOf> }) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const object = this.object(key);
    if (object === undefined) return undefined;
    const value = await read({ signal: this.#signal, at: pinOf(object) });
    if (value === undefined) this.unreadable.push(object.key);
    return value;
  }
}
