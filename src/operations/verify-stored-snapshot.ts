import { dirname } from 'node:path';
import { manifestPath } from '../etcd/snapshot-manifest.ts';
import { type FetchedSnapshot, fetchFolder, fetchSnapshot } from '../steps/etcd/fetch-snapshot.ts';
import type { PlannedCluster } from '../steps/etcd/verify-snapshot.ts';
import { openPlace, type PlaceWork, placeNamed, sealedSnapshot } from './snapshot-places.ts';
import { type VerifiedSnapshot, verifySnapshot } from './verify-snapshot.ts';

export interface VerifyStoredRequest {
  /** Name of the snapshot in its place. */
  readonly name: string;
  /** The plan's only one without it. */
  readonly place?: string | undefined;
  readonly binaries?: string | undefined;
  readonly clusterUid?: string | undefined;
  readonly maxAgeMs?: number | undefined;
  readonly planned: PlannedCluster | undefined;
  /** Folder that downloads are kept in while they are judged. */
  readonly cache: string;
  /** Folder that the snapshot and its manifest are kept in for good. */
  readonly keep?: string | undefined;
}

/** A snapshot of a place, judged. */
export interface VerifiedStored {
  readonly verified: VerifiedSnapshot;
  readonly place: string;
  readonly fetched: FetchedSnapshot;
}

/**
 * Brings a snapshot here and judges it by booting it, with what was sealed of it. What was downloaded is removed after that unless it is to be kept: it holds
 * every Secret of the cluster. A download that was cut off is gone on with the next time.
 */
export async function verifyStoredSnapshot(request: VerifyStoredRequest, tools: PlaceWork): Promise<VerifiedStored> {
  const { name, planned, cache, keep, binaries, clusterUid, maxAgeMs } = request;
  const section = placeNamed(tools, request.place);
  const open = await openPlace(section, tools);
  const stored = await open.find(name);
  const folder = keep ?? (stored === undefined ? cache : fetchFolder(cache, open, stored));
  const fetched = await fetchSnapshot(open, { name, folder }, tools.snapshots);
  try {
    const sealed = await sealedSnapshot(section.name, fetched.stored, tools);
    const verified = await verifySnapshot({ path: fetched.path, read: fetched.read, sealed, planned, binaries, clusterUid, maxAgeMs }, tools.snapshots);
    return { verified: { ...verified, path: `${open.location}${'folder' in open.source ? '/' : ''}${name}` }, place: section.name, fetched };
  } finally {
    if (keep === undefined && dirname(fetched.path) === folder) await forget(fetched.path, tools);
  }
}

async function forget(path: string, { snapshots: { files } }: PlaceWork): Promise<void> {
  await Promise.all([path, manifestPath(path)].map(async (file) => await files.remove(file)));
}
