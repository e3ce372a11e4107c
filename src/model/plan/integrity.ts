import { z } from 'zod';
import { RISK_CLASSES } from '../risk-class.ts';
import type { Immutable } from './fields.ts';

const classes = z.array(z.enum(RISK_CLASSES));

/** What a difference between git, the backup and the live cluster means for a recovery. */
export const planIntegrity = z.strictObject({
  block: classes
    .default(['privilege', 'rbac', 'policy', 'secret', 'image'])
    .describe('Classes of which one undecided field is enough to ask for an approval before anything is destroyed'),
  warn: classes
    .default(['exposure', 'replicas', 'resources', 'config'])
    .describe('Classes that are counted against maxWarnings; classes in neither list are only shown'),
  maxWarnings: z
    .int()
    .min(0)
    .exactOptional()
    .describe('More undecided fields of the classes under warn than this ask for an approval too; without it they never do'),
});

/** Thresholds of the comparison before a recovery, parsed. */
export type PlanIntegrity = Immutable<z.output<typeof planIntegrity>>;

/** What holds for a plan without the section. */
export const DEFAULT_INTEGRITY: PlanIntegrity = planIntegrity.parse({});
