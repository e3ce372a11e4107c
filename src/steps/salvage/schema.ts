import { z } from 'zod';
import { planCluster } from '../../model/plan/cluster.ts';
import { planSalvage } from '../../model/plan/salvage.ts';
import { planSpecs } from '../../model/plan/specs.ts';

export const salvageWith = z.object({ cluster: planCluster, specs: planSpecs, commit: z.string(), salvage: planSalvage.optional() });
export type SalvageWith = z.output<typeof salvageWith>;

/** Names in outputs and evidence; the files hold all of them. */
export const SHOWN_NAMES = 50;

const counted = z.object({ count: z.number(), names: z.array(z.string()) });

/** What was salvaged: the outputs of the step, and its file `manifest.json`. */
export const salvageOutputs = z.object({
  /** URL of the old API server, when it answered. */
  server: z.string().exactOptional(),
  files: z.array(z.object({ name: z.string(), digest: z.string(), objects: z.number() })),
  /** On the old cluster and not at this commit: a rebuild does not bring it back by itself. */
  notInGit: counted,
  /** In both, and different. */
  differing: counted,
  /** What could not be had, and why. */
  findings: z.array(z.string()),
});
export type SalvageOutputs = z.output<typeof salvageOutputs>;
