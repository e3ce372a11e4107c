import { z } from 'zod';
import { authority, httpUrl, type Immutable, name, secretRef, text } from './fields.ts';

/** One place in S3 that holds snapshots of etcd, each with its manifest beside it. */
export const planEtcdSnapshots = z.strictObject({
  name: name.describe('Name of the place, for lists'),
  bucket: text,
  prefix: text.exactOptional().describe('Where in the bucket; all of it without'),
  region: text.exactOptional(),
  endpoint: httpUrl.exactOptional().describe('For servers other than AWS'),
  ca: authority.exactOptional(),
  profile: text.exactOptional().describe('AWS profile of the operator; read access is enough'),
  credentials: secretRef.exactOptional().describe('AWS shared-credentials file'),
});

/** One place that holds snapshots of etcd, parsed. */
export type PlanEtcdSnapshots = Immutable<z.output<typeof planEtcdSnapshots>>;
