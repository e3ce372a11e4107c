import { z } from 'zod';
import { authority, httpUrl, rows, secretRef, text } from './fields.ts';

/** Where run state lives; the only authority on runs of this cluster. */
export const planState = z.union(
  [
    z.strictObject({ folder: text.describe('Relative to the plan; ~/ is the home directory') }),
    z.strictObject({
      s3: z.strictObject({
        bucket: text,
        prefix: text
          .regex(/^\/?(?!\.\.?(?:\/|$))[^/]+(?:\/(?!\.\.?(?:\/|$))[^/]+)*\/?$/, { error: 'must be names joined by "/", none of them "." or ".."' })
          .exactOptional()
          .describe('Where in the bucket; never inside a place of backups'),
        region: text.exactOptional(),
        endpoint: httpUrl.exactOptional().describe('For servers other than AWS; they must honour If-None-Match'),
        ca: authority.exactOptional(),
        profile: text.exactOptional().describe('AWS profile of the operator; it needs to read, write and list'),
        credentials: secretRef.exactOptional(),
      }),
    }),
  ],
  { error: 'must have exactly one of folder and s3' },
);

/**
 * For `superRefine` of the plan's `spec`: run state and a place of recovery points must not lie within one another. Velero looks at the folders at the top of
 * a BackupStorageLocation and makes it `Unavailable` when one is not its own (velero 1.18 `pkg/persistence/object_store.go`, `IsValid`), and who cleans up
 * backups must not meet the record of a recovery.
 */
export function stateApart(spec: unknown, context: z.RefinementCtx): void {
  const fields = rows([spec])[0] ?? {};
  const state = placeOf(rows([rows([fields['state']])[0]?.['s3']])[0]);
  if (state === undefined) return;
  for (const backup of rows(fields['backups'])) {
    const place = placeOf(backup);
    // Other clouds have other buckets of the same names.
    if (backup['provider'] === 'gcs' || backup['provider'] === 'azure') continue;
    if (place === undefined || place.server !== state.server || place.bucket !== state.bucket) continue;
    if (!state.path.startsWith(place.path) && !place.path.startsWith(state.path)) continue;
    const nested = state.path === place.path ? 'is the same place as' : state.path.startsWith(place.path) ? 'lies inside' : 'contains';
    context.addIssue({
      code: 'custom',
      path: ['state', 's3', state.path === '' ? 'bucket' : 'prefix'],
      message: `${nested} the backups of store "${String(backup['store'])}" (${place.bucket}/${place.path}): Velero refuses a location with foreign folders; use another prefix or bucket`,
    });
  }
}

interface BucketPlace {
  readonly server: string;
  readonly bucket: string;
  /** Empty, or ending in `/`. */
  readonly path: string;
}

function placeOf(row: Readonly<Record<string, unknown>> | undefined): BucketPlace | undefined {
  const { bucket, prefix = '', endpoint = '' } = row ?? {};
  if (typeof bucket !== 'string' || typeof prefix !== 'string' || typeof endpoint !== 'string') return undefined;
  const path = prefix.replace(/^\/+|\/+$/g, '');
  return { server: serverOf(endpoint), bucket, path: path === '' ? '' : `${path}/` };
}

/** AWS has one space of bucket names, by whichever endpoint it is asked. */
function serverOf(endpoint: string): string {
  const host = URL.canParse(endpoint) ? new URL(endpoint).host : endpoint;
  return /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(host) ? '' : host;
}
