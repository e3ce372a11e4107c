import { z } from 'zod';
import type { Observation, ReadContext, StepContext } from '../../../engine/step.ts';
import type { PlannedChange } from '../../../model/change.ts';
import { planCluster } from '../../../model/plan/cluster.ts';
import { duration } from '../../../model/plan/fields.ts';
import { planSpecs } from '../../../model/plan/specs.ts';
import { specEdits } from '../../../model/resolution.ts';
import { fencedSchema } from '../../fence-expiry.ts';
import type { StepPorts } from '../../ports.ts';
import { targetSchema } from '../../schemas.ts';

export const provisionWith = z.object({
  cluster: planCluster,
  specs: planSpecs,
  commit: z.string(),
  edits: specEdits,
  fenced: fencedSchema.exactOptional(),
  /** The operator's own limits are 60 min for machines and 30 min for the pivot (lattice-cluster/src/phases). */
  timeout: duration.default(95 * 60_000),
});

/** The new cluster: a file with its direct kubeconfig (and the context in it, when the plan names one), and what tells it from any other. */
export const provisionOutputs = targetSchema.extend({ server: z.string(), clusterUid: z.string(), version: z.string() });
export type ProvisionOutputs = z.output<typeof provisionOutputs>;

export type ProvisionCtx = ReadContext<z.output<typeof provisionWith>, StepPorts>;
export type ProvisionWriteCtx = StepContext<z.output<typeof provisionWith>, StepPorts>;

/** A way to come by a new cluster. `execute` ends when it answers and its kubeconfig is saved. */
export interface Provisioner {
  observe(ctx: ProvisionCtx): Promise<Observation<ProvisionOutputs>>;
  plan(ctx: ProvisionCtx): Promise<readonly PlannedChange[]>;
  execute(ctx: ProvisionWriteCtx): Promise<void>;
}
