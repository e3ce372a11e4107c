import { join } from 'node:path';
import pLimit from 'p-limit';
import { manifestPath, type SnapshotManifest, snapshotManifest } from '../../etcd/snapshot-manifest.ts';
import { parseJson } from '../../model/json.ts';
import type { PlanEtcdSnapshots, PlanSnapshotBucket } from '../../model/plan/etcd-snapshots.ts';
import type { LocalFiles } from '../../ports/local-files.ts';
import type { ObjectHead, ObjectStore, ObjectStores } from '../../ports/object-store.ts';
import { objectStoreRef } from '../schemas.ts';

/** How a snapshot is named: what ends otherwise in a place is something else. */
const SNAPSHOT = '.db';
const MANIFESTS_AT_A_TIME = 8;
/** A manifest has some kilobytes; one of a cluster with ten thousand custom resource types has a megabyte. */
const MANIFEST_BYTES = 16 * 1024 * 1024;

/** A snapshot where it is kept. */
export interface StoredSnapshot {
  readonly name: string;
  readonly sizeBytes: number;
  /** When it was put there, ISO 8601. */
  readonly storedAt: string;
  /** What was seen, in S3: reading it again pins its ETag, and its version where there is one. */
  readonly object?: ObjectHead;
  /** Bytes of the manifest beside it. */
  readonly manifest?: Uint8Array;
}

/** A place of the plan, opened. Failures throw `S3_FAILED`, `S3_UNAVAILABLE`, `INPUT_INVALID`. */
export interface OpenPlace {
  /** For people: `s3://bucket/prefix`, or a folder. */
  readonly location: string;
  list(): Promise<readonly StoredSnapshot[]>;
  find(name: string): Promise<StoredSnapshot | undefined>;
  /** Writes a file of the place under a name that is free; `false` when it is taken. */
  add(name: string, content: AsyncIterable<Uint8Array>): Promise<boolean>;
  /** Where its bytes are, when they are on this machine already; else what to download them from. */
  readonly source: { readonly folder: string } | { readonly store: ObjectStore; readonly prefix: string };
}

export interface PlaceTools {
  readonly objectStores: ObjectStores;
  readonly files: LocalFiles;
  readonly signal: AbortSignal;
}

/** Opens a place that holds snapshots. */
export async function openSnapshotPlace(place: PlanEtcdSnapshots, tools: PlaceTools): Promise<OpenPlace> {
  return 'folder' in place ? openFolder(place.folder, tools) : await openBucket(place, tools);
}

/** The manifest of a stored snapshot, `undefined` when there is none that can be read. */
export function manifestOfStored({ manifest }: StoredSnapshot): SnapshotManifest | undefined {
  return manifest === undefined ? undefined : snapshotManifest.safeParse(parseJson(manifest)).data;
}

function openFolder(folder: string, { files }: PlaceTools): OpenPlace {
  const list = async (): Promise<readonly StoredSnapshot[]> => {
    const found = (await files.list(folder)).filter(({ name }) => name.endsWith(SNAPSHOT));
    return await Promise.all(
      found.map(async ({ name, sizeBytes, modifiedAt }) => {
        const manifest = await files.readSmall(manifestPath(join(folder, name)));
        return { name, sizeBytes, storedAt: modifiedAt, ...(manifest === undefined ? {} : { manifest }) };
      }),
    );
  };
  return {
    location: folder,
    list,
    find: async (name) => (await list()).find((one) => one.name === name),
    async add(name, content) {
      if ((await files.list(folder)).some((file) => file.name === name)) return false;
      await files.writeNew(join(folder, name), content);
      return true;
    },
    source: { folder },
  };
}

async function openBucket(place: PlanSnapshotBucket, { objectStores, signal }: PlaceTools): Promise<OpenPlace> {
  const store = await objectStores.open(objectStoreRef(place));
  const prefix = place.prefix === undefined || place.prefix.endsWith('/') ? (place.prefix ?? '') : `${place.prefix}/`;
  const storedAs = async (object: ObjectHead): Promise<StoredSnapshot> => {
    const manifest = await store.read(manifestPath(object.key), { maxBytes: MANIFEST_BYTES, signal });
    const { key, sizeBytes, lastModified } = object;
    return { name: key.slice(prefix.length), sizeBytes, storedAt: lastModified, object, ...(manifest === undefined ? {} : { manifest }) };
  };
  return {
    location: `s3://${place.bucket}/${prefix}`,
    async list() {
      const { objects } = await store.list({ prefix, signal });
      const limit = pLimit({ concurrency: MANIFESTS_AT_A_TIME, rejectOnClear: true });
      return await limit.map(
        objects.filter(({ key }) => key.endsWith(SNAPSHOT)),
        storedAs,
      );
    },
    async find(name) {
      const object = await store.head(`${prefix}${name}`, signal);
      return object === undefined ? undefined : await storedAs(object);
    },
    add: async (name, content) => await store.putNew(`${prefix}${name}`, content, signal),
    source: { store, prefix },
  };
}
