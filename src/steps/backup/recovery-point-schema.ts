import { z } from 'zod';

/** A recovery point chosen by preflight, frozen before anything is destroyed. */
export const recoveryPointSchema = z.object({
  store: z.string(),
  name: z.string(),
  completedAt: z.string(),
  volumes: z.array(z.string()),
  withoutData: z.array(z.object({ claim: z.string(), reason: z.string() })),
  snapshotLocations: z.array(z.string()),
});
export type ChosenRecoveryPoint = z.output<typeof recoveryPointSchema>;
