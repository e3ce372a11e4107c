import { z } from 'zod';
import { authority, httpUrl, type Immutable, label, secretRef, text } from './fields.ts';

const VALUES = z.record(text, z.string());

/** One place that holds recovery points. */
export const planBackup = z.strictObject({
  store: label.describe('Name of the BackupStore'),
  bucket: text,
  prefix: text.exactOptional().describe('Velero prefix within the bucket'),
  region: text.exactOptional(),
  endpoint: httpUrl.exactOptional().describe('For servers other than AWS'),
  ca: authority.exactOptional(),
  profile: text.exactOptional().describe('AWS profile of the operator; read access is enough'),
  credentials: secretRef.exactOptional().describe('AWS shared-credentials file; without it and without profile, the usual chain of the AWS SDK is used'),
  clusterBackup: label.exactOptional().describe('Name of the LatticeClusterBackup whose backups hold the volumes'),
  volumeSnapshotLocation: z
    .strictObject({ provider: text.describe('Velero provider name, such as velero.io/aws'), config: VALUES.default({}) })
    .exactOptional()
    .describe('Velero VolumeSnapshotLocation needed to restore volumes'),
});

/** One place that holds recovery points, parsed. */
export type PlanBackup = Immutable<z.output<typeof planBackup>>;
