import { z } from 'zod';
import { authority, httpUrl, type Immutable, name, secretRef, text } from './fields.ts';

const placeName = name.describe('Name of the place, for lists');

/** One place in S3 that holds snapshots of etcd, each with its manifest beside it. */
const inBucket = z.strictObject({
  name: placeName,
  bucket: text,
  prefix: text.exactOptional().describe('Where in the bucket; all of it without'),
  region: text.exactOptional(),
  endpoint: httpUrl.exactOptional().describe('For servers other than AWS'),
  ca: authority.exactOptional(),
  profile: text.exactOptional().describe('AWS profile of the operator; read access is enough for all but taking snapshots'),
  credentials: secretRef.exactOptional().describe('AWS shared-credentials file'),
});

/** A folder that holds them, where this machine reaches it. */
const inFolder = z.strictObject({ name: placeName, folder: text.describe('Folder, relative to the plan; it must not be on the cluster') });

/** One place that holds snapshots of etcd. */
export const planEtcdSnapshots = z.union([inBucket, inFolder], { error: 'must have a name, and either bucket or folder' });

/** One place that holds snapshots of etcd, parsed. */
export type PlanEtcdSnapshots = Immutable<z.output<typeof planEtcdSnapshots>>;
/** One in S3. */
export type PlanSnapshotBucket = Immutable<z.output<typeof inBucket>>;
