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
          .describe('Where in the bucket, which holds no backups and no etcd snapshots'),
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
 * For `superRefine` of the plan's `spec`: run state is never in a bucket with recovery points. Seals of backups are kept with it, and rights to a bucket are given
 * to all of it: whoever can rewrite a backup there could rewrite its seal. Besides, Velero makes a BackupStorageLocation with foreign folders `Unavailable` (velero
 * 1.18 `pkg/persistence/object_store.go`, `IsValid`), and who cleans up backups must not meet the record of a recovery.
 */
export function stateApart(spec: unknown, context: z.RefinementCtx): void {
  const fields = rows([spec])[0] ?? {};
  const state = placeOf(rows([rows([fields['state']])[0]?.['s3']])[0]);
  if (state === undefined) return;
  const shared = [...backupPlaces(fields), ...snapshotPlaces(fields)].filter(({ place }) => place.server === state.server && place.bucket === state.bucket);
  for (const { what, place } of shared) {
    context.addIssue({
      code: 'custom',
      path: ['state', 's3', 'bucket'],
      message: `holds run state in ${pathOf(state)} and ${what} in ${pathOf(place)}: whoever can write there could rewrite the seals with the backups; name a bucket that the cluster has no right to, and copy what is there to it first`,
    });
  }
}

interface BucketPlace {
  readonly server: string;
  readonly bucket: string;
  readonly prefix: string;
}

interface NamedPlace {
  readonly what: string;
  readonly place: BucketPlace;
}

function backupPlaces({ backups }: Readonly<Record<string, unknown>>): readonly NamedPlace[] {
  return rows(backups).flatMap((backup) => {
    // Other clouds have other buckets of the same names.
    const place = backup['provider'] === 'gcs' || backup['provider'] === 'azure' ? undefined : placeOf(backup);
    return place === undefined ? [] : [{ what: `the backups of store "${String(backup['store'])}"`, place }];
  });
}

function snapshotPlaces({ etcdSnapshots }: Readonly<Record<string, unknown>>): readonly NamedPlace[] {
  return rows(etcdSnapshots).flatMap((snapshots) => {
    const place = placeOf(snapshots);
    return place === undefined ? [] : [{ what: `the etcd snapshots of "${String(snapshots['name'])}"`, place }];
  });
}

function placeOf(row: Readonly<Record<string, unknown>> | undefined): BucketPlace | undefined {
  const { bucket, prefix = '', endpoint = '' } = row ?? {};
  if (typeof bucket !== 'string' || typeof prefix !== 'string' || typeof endpoint !== 'string') return undefined;
  return { server: serverOf(endpoint), bucket, prefix: prefix.replace(/^\/+|\/+$/g, '') };
}

function pathOf({ bucket, prefix }: BucketPlace): string {
  return prefix === '' ? `${bucket}/` : `${bucket}/${prefix}/`;
}

/** AWS has one space of bucket names, by whichever endpoint it is asked. */
function serverOf(endpoint: string): string {
  const host = URL.canParse(endpoint) ? new URL(endpoint).host : endpoint;
  return /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(host) ? '' : host;
}
