import { z } from 'zod';
import { type Immutable, secretRef, text } from './fields.ts';

const ageFile = z.strictObject({ age: text.describe('File, relative to the plan'), identity: secretRef });

/** What a snapshot of etcd is of no use without, kept where the cluster's end does not reach. */
export const planRecoveryKeys = {
  encryption: z
    .union([ageFile, secretRef], { error: 'must have exactly one of age (a file and its identity), file and env' })
    .exactOptional()
    .describe('EncryptionConfiguration of the API servers, when values are encrypted at rest'),
  pki: z
    .union([ageFile, z.strictObject({ folder: text.describe('Laid out as /etc/kubernetes/pki, relative to the plan') })], {
      error: 'must have exactly one of age (a file of Secret manifests CLUSTER-ca, -etcd, -proxy and -sa, and its identity) and folder',
    })
    .exactOptional()
    .describe('Authorities of the cluster and their keys'),
};

const planRecoveryKeysSchema = z.strictObject(planRecoveryKeys);

/** Where the keys of a cluster are kept, parsed. */
export type PlanRecoveryKeys = Immutable<z.output<typeof planRecoveryKeysSchema>>;
