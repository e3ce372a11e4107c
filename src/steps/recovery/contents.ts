import { volumePlaces } from '../../backup/covered.ts';
import { DrError } from '../../errors/dr-error.ts';
import { type Digest, digestOfJson } from '../../model/digest.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { StepPorts } from '../ports.ts';
import type { BackupObject, PlacedObjects } from './backup-objects.ts';
import { BackupPlaces } from './backup-places.ts';
import { veleroFiles } from './read-files.ts';

/** Digest over names, sizes, ETags and versions of a backup's objects, without repositories, which later backups add to. */
export function contentsOf(objects: readonly BackupObject[]): Digest {
  const named = objects
    .filter(({ place }) => place !== 'repository')
    .map(({ place, key, sizeBytes, etag, versionId }) => ({ place, key, sizeBytes, etag, ...(versionId === undefined ? {} : { versionId }) }));
  return digestOfJson(named.toSorted((a, b) => (`${a.place} ${a.key}` < `${b.place} ${b.key}` ? -1 : 1)));
}

/** What an acceptance of exactly what was seen names: the contents, and every blob that nothing but the acceptance vouches for. */
export function acceptanceOf(contents: Digest, blobs: readonly Pick<BackupObject, 'key' | 'sizeBytes' | 'etag'>[]): Digest {
  if (blobs.length === 0) return contents;
  const named = blobs.map(({ key, sizeBytes, etag }) => ({ key, sizeBytes, etag }));
  return digestOfJson({ contents, blobs: named.toSorted((a, b) => (a.key < b.key ? -1 : 1)) });
}

/** A recovery point that has been judged: its name, and the digest of what was judged. */
export interface JudgedPoint {
  readonly name: string;
  /** Absent in runs of before contents were noted. */
  readonly contents?: string | undefined;
}

/**
 * Asks, right before a backup is used, whether it still is what was judged: Velero restores whatever is there under its name. Lists and small files only.
 * Throws `BACKUP_BAD`.
 */
export async function assertUnchanged(
  ports: Pick<StepPorts, 'objectStores'>,
  section: PlanBackup,
  asked: { readonly point: JudgedPoint; readonly signal: AbortSignal },
): Promise<void> {
  if (asked.point.contents === undefined) return;
  const places = await BackupPlaces.open(ports, section, asked.point.name);
  await assertListed(places, await places.ownObjects(asked.signal), { section, ...asked });
}

/** `assertUnchanged` of all points that are in one of the plan's places. */
export async function assertAllUnchanged(
  ports: Pick<StepPorts, 'objectStores'>,
  backups: readonly PlanBackup[],
  { points, signal }: { readonly points: readonly (JudgedPoint & { readonly store: string })[]; readonly signal: AbortSignal },
): Promise<void> {
  await Promise.all(
    points.map(async (point) => {
      const section = backups.find(({ store }) => store === point.store);
      if (section !== undefined) await assertUnchanged(ports, section, { point, signal });
    }),
  );
}

/** The same of objects that were listed already: who reads those then reads what was judged. */
export async function assertListed(
  places: BackupPlaces,
  own: PlacedObjects,
  { section, point: { name, contents }, signal }: { readonly section: PlanBackup; readonly point: JudgedPoint; readonly signal: AbortSignal },
): Promise<void> {
  if (contents === undefined) return;
  const files = await veleroFiles(places.backup.store, section, { name, signal, objects: own.objects });
  const volumes = await places.volumeObjects({ ...volumePlaces(files), repositories: [] }, { signal });
  const now = contentsOf([own, ...volumes].flatMap(({ objects }) => objects));
  if (now === contents) return;
  throw new DrError({
    code: 'BACKUP_BAD',
    message: `backup '${name}' in store '${section.store}' is not what was judged before: its contents were ${contents} and are ${now}`,
    details: { store: section.store, name, before: contents, now },
    suggestions: [`look at what was written: lattice-dr backup show ${name}`, 'whoever wrote it may still be able to: take that right away before going on'],
  });
}
