import { z } from 'zod';
import type { PlanBackup } from '../model/plan/backups.ts';
import type { kubeconfigRef } from '../model/plan/fields.ts';
import type { ClusterRef } from '../ports/kube-cluster.ts';
import type { ObjectStoreRef } from '../ports/object-store.ts';

/**
 * The rebuilt cluster, as `cluster/provision` hands it on: the file with its direct kubeconfig, the context in it when it is not the current one, and the UID
 * of its `kube-system`, which tells it from any other.
 */
export const targetSchema = z.object({ kubeconfig: z.string(), context: z.string().exactOptional(), clusterUid: z.string().exactOptional() });

export type Target = z.output<typeof targetSchema>;

/** Reference to the cluster whose kubeconfig `cluster/provision` wrote. */
export function targetRef(target: Target): ClusterRef {
  return { kubeconfigPath: target.kubeconfig, ...(target.context === undefined ? {} : { context: target.context }) };
}

/** Reference to a cluster as plans write it. */
export function clusterRef(ref: z.output<typeof kubeconfigRef>): ClusterRef {
  const context = ref.context === undefined ? {} : { context: ref.context };
  return 'file' in ref ? { kubeconfigPath: ref.file, ...context } : { kubeconfigEnv: ref.env, ...context };
}

/** What a plan says of a bucket. */
type PlanBucket = Pick<PlanBackup, 'bucket' | 'region' | 'endpoint' | 'ca' | 'profile' | 'credentials'> & Partial<Pick<PlanBackup, 'provider' | 'account'>>;

/** The object store that holds a backup store's bucket, reached with the operator's own credentials. */
export function objectStoreRef(backup: PlanBucket): ObjectStoreRef {
  const { provider, bucket, account, region, endpoint, ca, profile, credentials } = backup;
  return {
    ...(provider === undefined || provider === 's3' ? {} : { provider }),
    bucket,
    ...(account === undefined ? {} : { account }),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(ca === undefined ? {} : { ca }),
    ...(profile === undefined ? {} : { profile }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
