import { readTarball } from '../../backup/tarball.ts';
import { backupKeys } from '../../backup/velero-layout.ts';
import { backupCovers } from '../../backup/velero-scope.ts';
import { DrError } from '../../errors/dr-error.ts';
import type { JsonObject } from '../../model/json.ts';
import { type KubeObject, type ResourceType, refKey, refOf } from '../../model/kube-object.ts';
import type { PlanBackup } from '../../model/plan/backups.ts';
import type { BackupCopy } from '../../specs/integrity/compare.ts';
import { CRD_TYPE } from '../platform-names.ts';
import type { StepPorts } from '../ports.ts';
import { bucketPrefix } from '../recovery/places.ts';
import { specObjects } from '../recovery/spec-objects.ts';
import { readBackupMetadata } from '../recovery-points.ts';
import { objectStoreRef } from '../schemas.ts';

/** A backup that is compared. */
export interface BackupPoint {
  readonly store: string;
  readonly name: string;
}

/** What the backups say. */
export interface BackupSide extends BackupCopy {
  readonly names: readonly string[];
  readonly crds: readonly KubeObject[];
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

/** Reads the objects of backups from their tarballs; `undefined` when there is none to read. Throws what the object store throws. */
export async function readBackups(source: BackupSource): Promise<BackupSide | undefined> {
  const sides = await Promise.all(
    source.points.flatMap((point) => {
      const section = source.backups.find(({ store }) => store === point.store);
      return section === undefined ? [] : [readOne(section, point.name, source)];
    }),
  );
  if (sides.length === 0) return undefined;
  const objects = new Map(sides.toReversed().flatMap((side) => side.objects.map((object) => [refKey(refOf(object)), object] as const)));
  const isCrd = (object: KubeObject): boolean => object.kind === CRD_TYPE.kind;
  return {
    names: source.points.map(({ name }) => name),
    objects: [...objects.values()].filter((object) => !isCrd(object)),
    crds: [...objects.values()].filter(isCrd),
    covers: (ref) => sides.some((side) => side.covers(ref)),
  };
}

async function readOne(section: PlanBackup, name: string, { ports, types, signal }: BackupSource): Promise<BackupCopy> {
  const store = await ports.objectStores.open(objectStoreRef(section));
  const { tarball } = backupKeys(bucketPrefix(section), name);
  const [metadata, head] = await Promise.all([readBackupMetadata(ports, section, { name, signal }), store.head(tarball, signal)]);
  const { objects, take: onObject } = specObjects([CRD_TYPE, ...types]);
  const { fault } = await readTarball(await store.stream(tarball, signal), { sizeBytes: head?.sizeBytes ?? 0, onObject, signal });
  if (fault !== undefined) throw new DrError({ code: 'BACKUP_BAD', message: `the tarball of ${name} is not whole: ${fault}` });
  return { objects, covers: backupCovers((metadata?.['spec'] ?? {}) as JsonObject) };
}
