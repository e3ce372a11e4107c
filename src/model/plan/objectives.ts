import { z } from 'zod';
import { duration, namespacedName, text } from './fields.ts';

/** How long a recovery may take and how much may be lost. */
export const planObjectives = z.strictObject({
  rto: duration.describe('Longest time from the start of the run to proven health'),
  rpo: duration.describe('Oldest recovery point that is acceptable'),
  volumes: z
    .array(z.strictObject({ pvc: namespacedName, rpo: duration, owner: text.describe('Who answers for the data') }))
    .exactOptional()
    .describe('Volumes with an objective of their own'),
});
