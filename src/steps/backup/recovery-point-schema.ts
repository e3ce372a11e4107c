import { z } from 'zod';

/** A recovery point chosen by preflight, frozen before anything is destroyed. */
export const recoveryPointSchema = z.object({
  store: z.string(),
  name: z.string(),
  completedAt: z.string(),
  volumes: z.array(z.string()),
  withoutData: z.array(z.object({ claim: z.string(), reason: z.string() })),
  snapshotLocations: z.array(z.string()),
  /** What vouches for its content; `unanchored`: a person has accepted that nothing does. Absent in runs of before verdicts. */
  verdict: z.enum(['sealed-equal', 'git-equal', 'unanchored']).exactOptional(),
  /** Digest of what was judged: what is restored must still be that. */
  contents: z.string().exactOptional(),
  /** Newer backups that were not taken, and why. */
  passedOver: z.array(z.object({ name: z.string(), reason: z.string() })).exactOptional(),
});
/** A recovery point by what it is restored and compared by. */
export const judgedPoint = recoveryPointSchema.pick({ store: true, name: true, contents: true });

export type ChosenRecoveryPoint = z.output<typeof recoveryPointSchema>;
