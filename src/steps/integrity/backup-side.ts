import type { TarballItem } from '../../backup/tarball-paths.ts';
import { backupKeys } from '../../backup/velero-layout.ts';
import { backupCovers } from '../../backup/velero-scope.ts';
import { DrError } from '../../errors/dr-error.ts';
import { isObject, type JsonObject, parseJson } from '../../model/json.ts';
import { type KubeObject, type ResourceType, refKey, refOf } from '../../model/kube-object.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { BackupCopy } from '../../specs/integrity/compare.ts';
import { RELEASE_TYPE } from '../../specs/integrity/package-releases.ts';
import { CRD_TYPE } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { type BackupObject, type ObjectPlace, pinOf } from '../recovery/backup-objects.ts';
import { BackupPlaces } from '../recovery/backup-places.ts';
import { assertListed } from '../recovery/contents.ts';
import { readPinnedTarball } from '../recovery/pinned-tarball.ts';
import { bucketPrefix } from '../recovery/places.ts';
import { OBJECT } from '../recovery/read-files.ts';
import { readJson } from '../recovery/read-json.ts';
import { specObjects } from '../recovery/spec-objects.ts';

/** A backup that is compared. */
export interface BackupPoint {
  readonly store: string;
  readonly name: string;
  /** Digest of what was judged, when it was: another backup of that name is not compared. */
  readonly contents?: string | undefined;
}

/** What the backups say. */
export interface BackupSide extends BackupCopy {
  readonly names: readonly string[];
  readonly crds: readonly KubeObject[];
  /** Secrets in which Helm kept what it had installed. */
  readonly releases: readonly KubeObject[];
}

export interface BackupSource {
  readonly ports: StepPorts;
  readonly backups: readonly PlanBackup[];
  /** Newest first: an object that several hold is taken from the first. */
  readonly points: readonly BackupPoint[];
  /** Types beside the platform's that are wanted. */
  readonly types: readonly ResourceType[];
  readonly signal: AbortSignal;
}

/**
 * Reads the objects of backups from their tarballs; `undefined` when there is none to read. Throws `BACKUP_BAD` when one is not what was judged, and what the
 * object store throws.
 */
export async function readBackups(source: BackupSource): Promise<BackupSide | undefined> {
  const sides = await Promise.all(
    source.points.flatMap((point) => {
      const section = source.backups.find(({ store }) => store === point.store);
      return section === undefined ? [] : [readOne(section, point, source)];
    }),
  );
  if (sides.length === 0) return undefined;
  const objects = new Map(sides.toReversed().flatMap((side) => side.objects.map((object) => [refKey(refOf(object)), object] as const)));
  const isCrd = (object: KubeObject): boolean => object.kind === CRD_TYPE.kind;
  return {
    names: source.points.map(({ name }) => name),
    objects: [...objects.values()].filter((object) => !isCrd(object)),
    crds: [...objects.values()].filter(isCrd),
    releases: sides.flatMap((side) => side.releases),
    covers: (ref) => sides.some((side) => side.covers(ref)),
  };
}

interface OneBackup extends BackupCopy {
  readonly releases: readonly KubeObject[];
}

/** Reads one backup, each file exactly as it was listed: what is written meanwhile is neither half nor wholly taken for it. */
async function readOne(section: PlanBackup, point: BackupPoint, { ports, types, signal }: BackupSource): Promise<OneBackup> {
  const { name } = point;
  const places = await BackupPlaces.open(ports, section, name);
  const { backup } = places;
  const own = await places.ownObjects(signal);
  await assertListed(places, own, { section, point, signal });
  const keys = backupKeys(bucketPrefix(section), name);
  const find = (key: string): BackupObject | undefined => own.objects.find((object) => `${backup.root}${object.key}` === key);
  const tarball = find(keys.tarball);
  if (tarball === undefined) throw new DrError({ code: 'BACKUP_BAD', message: `${name} has no tarball` });
  const metadata = await readMetadata(backup, find(keys.metadata), signal);
  const { objects, take } = specObjects([CRD_TYPE, ...types]);
  const releases: KubeObject[] = [];
  const onObject = (item: TarballItem, content: Uint8Array): void => {
    take(item, content);
    if (item.resource !== 'secrets' || !Buffer.from(content).includes(RELEASE_TYPE)) return;
    const secret = parseJson(content);
    if (isObject(secret)) releases.push(secret as unknown as KubeObject);
  };
  const { fault } = await readPinnedTarball(backup, tarball, { onObject, signal, again: true });
  if (fault !== undefined) throw new DrError({ code: 'BACKUP_BAD', message: `the tarball of ${name} is not whole: ${fault}` });
  return { objects, releases, covers: backupCovers((metadata?.['spec'] ?? {}) as JsonObject) };
}

/** The Backup object as Velero stored it; `undefined` when it is missing or not JSON. */
async function readMetadata({ store, root }: ObjectPlace, object: BackupObject | undefined, signal: AbortSignal): Promise<JsonObject | undefined> {
  if (object === undefined) return undefined;
  return (await readJson(store, `${root}${object.key}`, { shape: OBJECT, signal, at: pinOf(object) })) as JsonObject | undefined;
}
