import { z } from 'zod';
import { authority, beside, httpUrl, type Immutable, label, secretRef, text } from './fields.ts';

const VALUES = z.record(text, z.string());

/** Fields that say something to the SDK of S3 only. */
const OF_S3 = ['region', 'ca', 'profile'] as const;

/** One place that holds recovery points. */
export const planBackup = z
  .strictObject({
    store: label.describe('Name of the BackupStore'),
    provider: z
      .enum(['s3', 'gcs', 'azure'])
      .exactOptional()
      .describe('s3 (the default), with every server that speaks its protocol; gcs and azure are listed and verified, and nothing is restored from them'),
    bucket: text.describe('Name of the bucket; of the container in Azure'),
    account: text.exactOptional().describe('Storage account of an Azure container'),
    prefix: text.exactOptional().describe('Velero prefix within the bucket'),
    region: text.exactOptional(),
    endpoint: httpUrl.exactOptional().describe('For servers other than those of the provider itself'),
    ca: authority.exactOptional(),
    profile: text.exactOptional().describe('AWS profile of the operator; read access is enough'),
    credentials: secretRef
      .exactOptional()
      .describe(
        'AWS shared-credentials file, key file of a Google service account, or a file with AZURE_STORAGE_ACCOUNT_ACCESS_KEY=…; without it the usual chain of the SDK is used',
      ),
    clusterBackup: label.exactOptional().describe('Name of the LatticeClusterBackup whose backups hold the volumes'),
    volumeSnapshotLocation: z
      .strictObject({ provider: text.describe('Velero provider name, such as velero.io/aws'), config: VALUES.default({}) })
      .exactOptional()
      .describe('Velero VolumeSnapshotLocation needed to restore volumes'),
  })
  .superRefine((value, context) => {
    const { provider = 's3', account } = value;
    if (provider === 'azure' && account === undefined) context.addIssue({ code: 'custom', path: ['account'], message: 'is needed for provider azure' });
    if (provider !== 'azure' && account !== undefined) context.addIssue({ code: 'custom', path: ['account'], message: 'is for provider azure only' });
    if (provider === 's3') return;
    for (const field of OF_S3)
      if (value[field] !== undefined) context.addIssue({ code: 'custom', path: [field], message: `is for provider s3, and this is ${provider}` });
  }, beside);

/** One place that holds recovery points, parsed. */
export type PlanBackup = Immutable<z.output<typeof planBackup>>;
