import { z } from 'zod';
import { planBackup } from '../model/plan/backups.ts';
import { planCluster } from '../model/plan/cluster.ts';
import { planControlPlane } from '../model/plan/control-plane.ts';
import { planDns } from '../model/plan/dns.ts';
import { planEtcdSnapshots } from '../model/plan/etcd-snapshots.ts';
import { planFence } from '../model/plan/fence.ts';
import { beside, besideList, distinct, type Immutable, name } from '../model/plan/fields.ts';
import { planGuard } from '../model/plan/guard.ts';
import { planHealth } from '../model/plan/health.ts';
import { planIntegrity } from '../model/plan/integrity.ts';
import { planMosk } from '../model/plan/mosk.ts';
import { planObjectives } from '../model/plan/objectives.ts';
import { planApprovals, planApprover, planExternal, planKey } from '../model/plan/people.ts';
import { planSalvage } from '../model/plan/salvage.ts';
import { planSecrets } from '../model/plan/secrets.ts';
import { planSpecs } from '../model/plan/specs.ts';
import { planState, stateApart } from '../model/plan/state.ts';
import { planVolumes } from '../model/plan/volumes.ts';

/** `apiVersion` of both kinds of file. */
export const API_VERSION = 'dr.lattice.dev/v1alpha1';

const spec = z.strictObject({
  cluster: planCluster,
  specs: planSpecs,
  secrets: z.array(planSecrets).default([]).describe('Where original secrets come from'),
  backups: z.array(planBackup).superRefine(distinct('store'), besideList).default([]).describe('Where recovery points are'),
  volumes: planVolumes.exactOptional().describe('How volumes come back'),
  etcdSnapshots: z.array(planEtcdSnapshots).superRefine(distinct('name'), besideList).exactOptional().describe('Where snapshots of etcd are'),
  controlPlane: planControlPlane.exactOptional(),
  dns: planDns.exactOptional(),
  objectives: planObjectives,
  health: z.array(planHealth).superRefine(distinct('name'), besideList).default([]).describe('What proves that users are served'),
  fence: planFence.exactOptional(),
  salvage: planSalvage.exactOptional(),
  mosk: planMosk.exactOptional().describe('Where ClusterBackups of a MOSK cluster are taken'),
  integrity: planIntegrity.exactOptional().describe('What a difference between git, a backup and the live cluster means for a recovery'),
  guard: planGuard.exactOptional().describe('Who may write specs on the cluster'),
  externals: z.array(planExternal).superRefine(distinct('name'), besideList).exactOptional(),
  keys: z.array(planKey).superRefine(distinct('name'), besideList).exactOptional(),
  approvers: z
    .array(planApprover)
    .min(1, { error: 'must name at least one person' })
    .exactOptional()
    .describe('People who may decide at gates; anybody when absent'),
  approvals: planApprovals.exactOptional().describe('How decisions at gates are proven'),
  state: planState.exactOptional(),
});

/**
 * The RecoveryPlan file: what a recovery must know about one cluster. It holds references to secrets, never secrets. Unknown keys are faults. Decoding
 * fills the defaults in and turns durations into milliseconds; encoding turns them back.
 */
export const recoveryPlanSchema = z
  .strictObject({
    apiVersion: z.literal(API_VERSION),
    kind: z.literal('RecoveryPlan'),
    metadata: z.strictObject({ name }),
    spec: spec.superRefine(stateApart, beside),
  })
  .meta({ title: 'RecoveryPlan', description: 'What a recovery must know about one cluster' });

/** A RecoveryPlan, parsed: defaults filled in, durations in milliseconds. */
export type RecoveryPlan = Immutable<z.output<typeof recoveryPlanSchema>>;
