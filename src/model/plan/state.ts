import { z } from 'zod';
import { httpUrl, secretRef, text } from './fields.ts';

/** Where run state lives; the only authority on runs of this cluster. Never inside a Velero prefix: Velero then rejects the location. */
export const planState = z.union(
  [
    z.strictObject({ folder: text.describe('Relative to the plan; ~/ is the home directory') }),
    z.strictObject({
      s3: z.strictObject({
        bucket: text,
        prefix: text.exactOptional(),
        region: text.exactOptional(),
        endpoint: httpUrl.exactOptional(),
        profile: text.exactOptional(),
        credentials: secretRef.exactOptional(),
      }),
    }),
  ],
  { error: 'must have exactly one of folder and s3' },
);
