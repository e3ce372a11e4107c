import { z } from 'zod';
import { type Immutable, kubeconfigRef, label, text } from './fields.ts';

const key = text.exactOptional().describe('Secret that holds the encryption key; it must be kept outside of the cluster too');

/** Where a backup is uploaded to; without it, what the Cluster object says, and without that it stays on a machine of the cluster. */
const upload = z.union(
  [
    z.strictObject({
      rclone: z.strictObject({ bucket: text.describe('Bucket, and folders in it'), credential: text.describe('Name of the RCloneCredential') }),
      keyEncryptionKey: key,
    }),
    z.strictObject({ nfsUploadUrl: text.regex(/^nfs:\/\/[^/]+\/./, { error: 'must be nfs://HOST/PATH' }), keyEncryptionKey: key }),
  ],
  { error: 'must have exactly one of rclone and nfsUploadUrl' },
);

/** The management cluster of a MOSK cluster, which takes its own backups (ClusterBackup of kaas.mirantis.com). */
export const planMosk = z.strictObject({
  kubeconfig: kubeconfigRef,
  namespace: label.describe('Project of the cluster on the management cluster'),
  targetCluster: label.exactOptional().describe("Name of the cluster there; by default the plan's"),
  upload: upload.exactOptional(),
});

/** Where ClusterBackups of a MOSK cluster are, parsed. */
export type PlanMosk = Immutable<z.output<typeof planMosk>>;
