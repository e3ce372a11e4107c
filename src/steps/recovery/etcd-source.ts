import pLimit from 'p-limit';
import type { CatalogueEntry, CatalogueSource } from '../../backup/catalogue.ts';
import { immutabilityOf } from '../../backup/immutability.ts';
import { DrError } from '../../errors/dr-error.ts';
import { manifestPath, type SnapshotManifest, snapshotManifest } from '../../etcd/snapshot-manifest.ts';
import type { PlanEtcdSnapshots, PlanSnapshotBucket } from '../../model/plan/etcd-snapshots.ts';
import type { ObjectHead, ObjectStore } from '../../ports/object-store.ts';
import type { StepPorts } from '../ports.ts';
import { objectStoreRef } from '../schemas.ts';
import { readJson } from './read-json.ts';

const SNAPSHOTS_AT_A_TIME = 8;
const NOT_HERE = 'not verified here: a snapshot of etcd is proven by booting it (lattice-dr etcd snapshot verify)';

/** Snapshots of etcd in a bucket, by their names and manifests. */
export function etcdSource(ports: Pick<StepPorts, 'objectStores'>, place: PlanEtcdSnapshots, now: number): CatalogueSource {
  return {
    name: `etcd snapshots in ${place.name}`,
    async list(signal) {
      if ('folder' in place)
        throw new DrError({
          code: 'USAGE',
          message: `it is a folder (${place.folder}): lattice-dr etcd snapshot list reads it`,
          details: { place: place.name },
        });
      const store = await ports.objectStores.open(objectStoreRef(place));
      const { objects } = await store.list({ prefix: place.prefix ?? '', signal });
      const snapshots = objects.filter(({ key }) => key.endsWith('.db'));
      const limit = pLimit({ concurrency: SNAPSHOTS_AT_A_TIME, rejectOnClear: true });
      return await limit.map(snapshots, async (object) => await entryOf(object, { store, place, now, signal }));
    },
  };
}

interface EntryContext {
  readonly store: ObjectStore;
  readonly place: PlanSnapshotBucket;
  readonly now: number;
  readonly signal: AbortSignal;
}

async function entryOf(object: ObjectHead, { store, place, now, signal }: EntryContext): Promise<CatalogueEntry> {
  const { key, sizeBytes, lastModified } = object;
  const [manifest, lock] = await Promise.all([readJson(store, manifestPath(key), { shape: snapshotManifest, signal }), store.lock(key, signal)]);
  const locks = [lock.known ? { key, lock: lock.value } : { key, unknown: lock.reason }];
  return {
    kind: 'etcd',
    name: key.slice(key.lastIndexOf('/') + 1),
    store: place.name,
    takenAt: manifest?.takenAt ?? lastModified,
    sizeBytes,
    covers: manifest === undefined ? 'all objects' : `all objects, revision ${manifest.revision}`,
    immutability: immutabilityOf(locks, now),
    verdict: verdictOf(sizeBytes, manifest),
  };
}

function verdictOf(sizeBytes: number, manifest: SnapshotManifest | undefined): CatalogueEntry['verdict'] {
  if (manifest === undefined)
    return { state: 'not-verified', reasons: [], warnings: [NOT_HERE, 'it has no readable manifest beside it: when it was taken is when it was stored'] };
  if (manifest.sizeBytes === sizeBytes) return { state: 'not-verified', reasons: [], warnings: [NOT_HERE] };
  return { state: 'bad', reasons: [`it has ${sizeBytes} bytes, and had ${manifest.sizeBytes} when it was taken`], warnings: [] };
}
