import { z } from 'zod';
import { planBackup } from '../../model/plan/backups.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planIntegrity } from '../../model/plan/integrity.ts';
import { planSalvage } from '../../model/plan/salvage.ts';
import { planSpecs } from '../../model/plan/specs.ts';
import { resolutionSpec, specEdit } from '../../model/resolution.ts';
import { RISK_CLASSES } from '../../model/risk-class.ts';
import { judgedPoint } from '../backup/recovery-point-schema.ts';

export const compareWith = z.object({
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  backups: z.array(planBackup).default([]),
  recoveryPoints: z.array(judgedPoint.extend({ completedAt: z.string() })).default([]),
  /** How to reach the old cluster, if it still lives; else the kubeconfig that its parent keeps. */
  salvage: planSalvage.optional(),
  thresholds: planIntegrity.optional(),
  resolution: resolutionSpec.optional(),
});
export type CompareWith = z.output<typeof compareWith>;

/** One differing field as a line of a gate. */
export const shownField = z.object({
  object: z.string(),
  path: z.string(),
  risk: z.enum(RISK_CLASSES),
  /** Values of the sides that have one, as short JSON text: `git 2, backup 5`. */
  values: z.string(),
});
export type ShownField = z.output<typeof shownField>;

export const compareOutputs = z.object({
  /** Sides that were read: git, backup, live. */
  sides: z.array(z.string()),
  compared: z.number(),
  differences: z.number(),
  /** Undecided fields that block, and that warn, by the plan's thresholds. */
  blocking: z.number(),
  warnings: z.number(),
  needsApproval: z.boolean(),
  /** What asks for the approval, the most dangerous first, at most 100 lines; all of it is in the kept file. */
  shown: z.array(shownField),
  notShown: z.number(),
  /** Digest of the whole comparison with its decisions: what an approval is bound to. */
  digest: z.string(),
  edits: z.array(specEdit),
  /** For `git apply`, so that git says what was applied. */
  patch: z.string(),
  byHand: z.array(z.string()),
  findings: z.array(z.string()),
});
export type CompareOutputs = z.output<typeof compareOutputs>;
