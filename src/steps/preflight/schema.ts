import { z } from 'zod';
import { planBackup } from '../../model/plan/backups.ts';
import { planCluster } from '../../model/plan/cluster.ts';
import { planDns } from '../../model/plan/dns.ts';
import { planFence } from '../../model/plan/fence.ts';
import { planHealth } from '../../model/plan/health.ts';
import { planObjectives } from '../../model/plan/objectives.ts';
import { planApprovals } from '../../model/plan/people.ts';
import { planSecrets } from '../../model/plan/secrets.ts';
import { planSpecs } from '../../model/plan/specs.ts';

export const preflightWith = z.object({
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  secrets: z.array(planSecrets).default([]),
  backups: z.array(planBackup).default([]),
  dns: planDns.optional(),
  fence: planFence.optional(),
  health: z.array(planHealth).default([]),
  objectives: planObjectives,
  /** Whose signatures of seals count. */
  approvals: planApprovals.optional(),
  /** Backups that a person accepts though nothing outside of their bucket vouches for them: `NAME` or `NAME@CONTENTS`. */
  acceptUnanchored: z.array(z.string()).default([]),
});
export type PreflightWith = z.output<typeof preflightWith>;
