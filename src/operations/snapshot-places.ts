import { createHash } from 'node:crypto';
import { DrError } from '../errors/dr-error.ts';
import type { SealedSnapshot } from '../etcd/snapshot-levels.ts';
import { manifestPath } from '../etcd/snapshot-manifest.ts';
import { type PlanEtcdSnapshots, planEtcdSnapshots } from '../model/plan/etcd-snapshots.ts';
import type { SnapshotTools } from '../steps/etcd/examine-snapshot.ts';
import { type OpenPlace, openSnapshotPlace, type StoredSnapshot } from '../steps/etcd/snapshot-places.ts';
import { type BackupTools, sealsOf } from './backup-tools.ts';

/** What work on the plan's places needs. */
export interface PlaceWork extends BackupTools {
  readonly snapshots: SnapshotTools;
}

/** Seals of snapshots lie beside those of backups, in a folder that no store of backups is named like. */
export function sealStore(place: string): string {
  return `etcd-snapshots/${place}`;
}

/** The plan's places that hold snapshots. */
export function placesOf({ plan }: Pick<BackupTools, 'plan'>): readonly PlanEtcdSnapshots[] {
  return planEtcdSnapshots.array().parse(plan.values['etcdSnapshots'] ?? []);
}

/** The place that is meant: the named one, else the only one. Throws `USAGE`. */
export function placeNamed(tools: Pick<BackupTools, 'plan'>, named: string | undefined): PlanEtcdSnapshots {
  const places = placesOf(tools);
  const found = named === undefined ? (places.length === 1 ? places[0] : undefined) : places.find(({ name }) => name === named);
  if (found !== undefined) return found;
  const names = places.map(({ name }) => name).join(', ') || 'none';
  throw new DrError({
    code: 'USAGE',
    message:
      named === undefined
        ? `the plan has ${places.length} places of etcd snapshots (${names}): say which with --place`
        : `the plan has no place '${named}' under spec.etcdSnapshots (it has ${names})`,
  });
}

/** Opens a place of the plan. */
export async function openPlace(place: PlanEtcdSnapshots, { ports, snapshots, signal }: PlaceWork): Promise<OpenPlace> {
  return await openSnapshotPlace(place, { objectStores: ports.objectStores, files: snapshots.files, signal });
}

/** What was sealed under a snapshot's name; `undefined` when nothing was. */
export async function sealedSnapshot(place: string, { name, manifest }: StoredSnapshot, tools: PlaceWork): Promise<SealedSnapshot | undefined> {
  const found = await sealsOf(tools).find(sealStore(place), name);
  if (found === undefined) return undefined;
  const { file, refused } = found;
  if (file === undefined) return { sha256: '', sealedAt: '', refused };
  const digests = new Map(file.seal.objects.map(({ key, sha256 }) => [key, sha256?.replace('sha256:', '')]));
  const own = { sha256: digests.get(name) ?? '', sealedAt: file.seal.sealedAt };
  if (refused !== undefined) return { ...own, refused };
  const now = manifest === undefined ? undefined : createHash('sha256').update(manifest).digest('hex');
  const wasManifest = digests.get(manifestPath(name));
  return wasManifest === now ? own : { ...own, refused: 'the manifest beside it is not the one that was sealed' };
}
