import pLimit from 'p-limit';
import type { SeenObject } from '../../backup/compare-seal.ts';
import { blobName, isLastingBlob } from '../../backup/kopia-blobs.ts';
import type { DatedObject, DeletedObject } from '../../backup/overwritten.ts';
import type { SealedPlace } from '../../backup/seal.ts';
import type { ObjectPin, ObjectStore, ObjectVersion } from '../../ports/object-store.ts';

/** Requests at a time for what no list says. */
const HEADS_AT_A_TIME = 8;

/** An object of a backup: as it is, and which versions were before it. Its key is relative to the place. */
export interface BackupObject extends SeenObject, DatedObject {}

/** Where objects of one place lie. */
export interface ObjectPlace {
  readonly store: ObjectStore;
  readonly place: SealedPlace;
  /** In the bucket; keys are relative to it. */
  readonly root: string;
}

export interface PlacedObjects {
  readonly objects: readonly BackupObject[];
  readonly deleted: readonly DeletedObject[];
  /** Why older versions cannot be told; absent when they can. */
  readonly versionsUnknown?: string;
}

/** Lists what is under a folder of a place (relative to its root, with a slash at its end, or empty), each with its version as far as it can be told. */
export async function objectsIn({ store, place, root }: ObjectPlace, folder: string, signal: AbortSignal): Promise<PlacedObjects> {
  const answer = await store.versions({ prefix: `${root}${folder}`, signal });
  if (answer.known) return withVersions(answer.value, { place, root });
  const { objects } = await store.list({ prefix: `${root}${folder}`, signal });
  const limit = pLimit({ concurrency: HEADS_AT_A_TIME, rejectOnClear: true });
  // A HEAD tells the version to anybody who may read the object.
  const heads = await limit.map([...objects], async (object) => (await store.head(object.key, signal)) ?? object);
  return {
    objects: heads.map((head) => ({ ...head, place, key: head.key.slice(root.length), earlier: [] })),
    deleted: [],
    versionsUnknown: answer.reason,
  };
}

/**
 * Lists the blobs of a repository that a seal covers. By one list, without versions: none of them is written over, indexes have a version of each hour, and a HEAD for
 * each of tens of thousands would take longer than a restore. That maintenance deletes says nothing; of what was sealed, the seal tells what is gone.
 */
export async function blobsIn({ store, place, root }: ObjectPlace, folder: string, signal: AbortSignal): Promise<PlacedObjects> {
  const { objects } = await store.list({ prefix: `${root}${folder}`, signal });
  const placed = objects.map((head) => ({ ...head, place, key: head.key.slice(root.length), earlier: [] }));
  return { objects: placed.filter(({ key }) => isLastingBlob(blobName(key))), deleted: [] };
}

function withVersions(versions: readonly ObjectVersion[], { place, root }: { readonly place: SealedPlace; readonly root: string }): PlacedObjects {
  const byKey = [...Map.groupBy(versions, ({ key }) => key).values()].map(([latest, ...older]) => ({ latest: latest as ObjectVersion, older }));
  return {
    objects: byKey
      .filter(({ latest }) => !latest.isDeletion)
      .map(({ latest: { isLatest: _latest, isDeletion: _deletion, ...head }, older }) => ({
        ...head,
        place,
        key: head.key.slice(root.length),
        earlier: older.map(({ lastModified }) => lastModified),
      })),
    deleted: byKey.filter(({ latest }) => latest.isDeletion).map(({ latest }) => ({ key: latest.key.slice(root.length), deletedAt: latest.lastModified })),
  };
}

/** Reads exactly the object that was listed: by its version, else by its ETag. */
export function pinOf({ versionId, etag }: Pick<SeenObject, 'versionId' | 'etag'>): ObjectPin {
  return versionId === undefined ? { etag } : { versionId };
}
