import { locationName } from '../../backup/velero-layout.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { ObjectStoreRef } from '../../ports/object-store.ts';
import { objectStoreRef } from '../schemas.ts';

/** The snapshotter of the practice environment keeps volumes as objects; snapshots of other providers are no objects that could be read. */
const OBJECT_SNAPSHOTTER = 'lattice-dr.dev/directory';

/** Prefix in the bucket: what the plan says, else what the platform uses for the store. */
export function bucketPrefix(section: PlanBackup): string {
  return section.prefix ?? locationName(section.store);
}

/** Where a key is, or the bucket without one, as the tools of its provider write it. */
export function bucketAddress({ provider = 's3', bucket, account = '' }: PlanBackup, key?: string): string {
  const root = provider === 'azure' ? `https://${account}.blob.core.windows.net/${bucket}` : `${provider === 'gcs' ? 'gs' : 's3'}://${bucket}`;
  return key === undefined ? root : `${root}/${key}`;
}

/** A bucket and a prefix in it, with a slash at its end. */
export interface BucketPart {
  readonly ref: ObjectStoreRef;
  readonly prefix: string;
}

/** Where snapshots of a store's volumes lie as objects; `undefined` where they are none. Reached with the credentials of the store's section. */
export function snapshotPlace(section: PlanBackup): BucketPart | undefined {
  const { provider, config } = section.volumeSnapshotLocation ?? {};
  if (provider !== OBJECT_SNAPSHOTTER || config?.['bucket'] === undefined) return undefined;
  const { bucket, region, s3Url, prefix = '' } = config;
  const own = objectStoreRef(section);
  const place = { bucket, ...(region === undefined ? {} : { region }), ...(s3Url === undefined ? {} : { endpoint: s3Url }) };
  return { ref: { ...own, ...place }, prefix: `${prefix.replace(/^\/+|\/+$/g, '')}/` };
}
