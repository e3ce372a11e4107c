import { createHash } from 'node:crypto';
import pLimit from 'p-limit';
import type { VolumePlaces } from '../../backup/covered.ts';
import type { LockOf } from '../../backup/immutability.ts';
import type { SealedPlace } from '../../backup/seal.ts';
import { backupKeys, repositoriesPrefix } from '../../backup/velero-layout.ts';
import type { Digest } from '../../model/digest.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { StepPorts } from '../ports.ts';
import { objectStoreRef } from '../schemas.ts';
import { type BackupObject, blobsIn, type ObjectPlace, objectsIn, type PlacedObjects, pinOf } from './backup-objects.ts';
import { bucketPrefix, snapshotPlace } from './places.ts';

/** Requests and streams at a time, of one backup. */
const AT_A_TIME = 8;

/** Repositories that were listed already, by store and folder: all backups of a namespace share one. */
export type BlobListings = Map<string, Promise<PlacedObjects>>;

interface Places {
  readonly backup: ObjectPlace;
  readonly volumes: ObjectPlace | undefined;
  readonly repository: ObjectPlace;
}

interface ListOptions {
  readonly signal: AbortSignal;
  /** Shared by backups that are looked at together; default: nothing was listed yet. */
  readonly listings?: BlobListings;
}

/** The places that the objects of one backup lie in. */
export class BackupPlaces {
  readonly backup: ObjectPlace;
  readonly #volumes: ObjectPlace | undefined;
  readonly #repository: ObjectPlace;
  /** Of the store in the plan. */
  readonly #name: string;
  readonly #limit = pLimit({ concurrency: AT_A_TIME, rejectOnClear: true });

  private constructor(name: string, { backup, volumes, repository }: Places) {
    this.#name = name;
    this.backup = backup;
    this.#volumes = volumes;
    this.#repository = repository;
  }

  static async open(ports: Pick<StepPorts, 'objectStores'>, section: PlanBackup, name: string): Promise<BackupPlaces> {
    const prefix = bucketPrefix(section);
    const store = await ports.objectStores.open(objectStoreRef(section));
    const snapshots = snapshotPlace(section);
    const volumes: ObjectPlace | undefined =
      snapshots === undefined ? undefined : { store: await ports.objectStores.open(snapshots.ref), place: 'volumes', root: snapshots.prefix };
    return new BackupPlaces(section.store, {
      backup: { store, place: 'backup', root: backupKeys(prefix, name).directory },
      volumes,
      repository: { store, place: 'repository', root: repositoriesPrefix(prefix) },
    });
  }

  /** Objects of the backup's own folder. */
  async ownObjects(signal: AbortSignal): Promise<PlacedObjects> {
    return await objectsIn(this.backup, '', signal);
  }

  /** Objects that hold the bytes of volumes, as far as they are objects that this tool can find. */
  async volumeObjects({ snapshots, repositories }: VolumePlaces, { signal, listings = new Map() }: ListOptions): Promise<readonly PlacedObjects[]> {
    const volumes = this.#volumes;
    const folders = volumes === undefined ? [] : snapshots.map((id) => ({ place: volumes, folder: `${id}/` }));
    return await Promise.all([
      ...folders.map(async ({ place, folder }) => await this.#limit(async () => await objectsIn(place, folder, signal))),
      ...repositories.map(async (namespace) => await this.#blobs(`${namespace}/`, { signal, listings })),
    ]);
  }

  async #blobs(folder: string, { signal, listings }: Required<ListOptions>): Promise<PlacedObjects> {
    const key = `${this.#name} ${this.#repository.root}${folder}`;
    const listing = listings.get(key) ?? this.#limit(async () => await blobsIn(this.#repository, folder, signal));
    listings.set(key, listing);
    return await listing;
  }

  /** Digest of an object's bytes, read as they were listed. */
  async digestOf(object: BackupObject, signal: AbortSignal): Promise<Digest> {
    return await this.#limit(async () => {
      const { store, root } = this.#placeOf(object.place);
      const hash = createHash('sha256');
      for await (const chunk of await store.stream(`${root}${object.key}`, signal, pinOf(object))) hash.update(chunk);
      return `sha256:${hash.digest('hex')}` as const;
    });
  }

  /** What keeps each object from being changed. */
  async locksOf(objects: readonly BackupObject[], signal: AbortSignal): Promise<readonly LockOf[]> {
    return await this.#limit.map([...objects], async (object): Promise<LockOf> => {
      const { store, root } = this.#placeOf(object.place);
      const lock = await store.lock(`${root}${object.key}`, signal, pinOf(object));
      return lock.known ? { key: object.key, lock: lock.value } : { key: object.key, unknown: lock.reason };
    });
  }

  #placeOf(place: SealedPlace): ObjectPlace {
    if (place === 'repository') return this.#repository;
    return place === 'volumes' && this.#volumes !== undefined ? this.#volumes : this.backup;
  }
}
