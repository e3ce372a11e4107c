import type { JsonObject } from '../model/json.ts';
import { isInRepository } from './repository-key.ts';
import type { Seal } from './seal.ts';
import type { VeleroFiles } from './velero-checks.ts';

/** Where the bytes of a backup's volumes lie, beside the backup's own folder. */
export interface VolumePlaces {
  /** Folders of snapshots beneath the snapshot location's prefix. */
  readonly snapshots: readonly string[];
  /** Namespaces that have a repository of their own. */
  readonly repositories: readonly string[];
}

type VolumeFiles = Pick<VeleroFiles, 'volumeSnapshots' | 'podVolumeBackups' | 'volumeInfo'>;

/**
 * What a backup's own files say: ids of native snapshots, and the namespaces of volumes that lie in repositories, as they were backed up by files from a pod of the
 * namespace, or by a snapshot whose data was moved.
 */
export function volumePlaces({ volumeSnapshots = [], podVolumeBackups = [], volumeInfo = [] }: VolumeFiles): VolumePlaces {
  const byFiles = podVolumeBackups.map((backup) => at(backup, 'spec', 'pod', 'namespace'));
  const inRepository = volumeInfo.filter(isInRepository).map((info) => at(info, 'pvcNamespace'));
  return {
    snapshots: distinct(volumeSnapshots.map((snapshot) => at(snapshot, 'status', 'providerSnapshotID'))),
    repositories: distinct([...byFiles, ...inRepository]),
  };
}

/** Whether bytes of a volume are in a snapshot of a CSI driver alone, which is nowhere that this tool can look. */
export function hasCsiSnapshots({ volumeInfo = [] }: Pick<VolumeFiles, 'volumeInfo'>): boolean {
  return volumeInfo.some((info) => info['backupMethod'] === 'CSISnapshot' && info['skipped'] !== true && info['result'] !== 'failed' && !isInRepository(info));
}

/** What a seal covers, whatever the backup's own files say now. */
export function sealedPlaces({ objects }: Seal): VolumePlaces {
  const first = (place: 'volumes' | 'repository') => distinct(objects.filter((object) => object.place === place).map(({ key }) => key.split('/')[0]));
  return { snapshots: first('volumes'), repositories: first('repository') };
}

/** Both, each once. */
export function joinPlaces(a: VolumePlaces, b: VolumePlaces): VolumePlaces {
  return { snapshots: distinct([...a.snapshots, ...b.snapshots]), repositories: distinct([...a.repositories, ...b.repositories]) };
}

/** Whether there are places and each is among the first. */
export function holdsAll(all: VolumePlaces, wanted: VolumePlaces): boolean {
  const count = wanted.snapshots.length + wanted.repositories.length;
  return count > 0 && wanted.snapshots.every((id) => all.snapshots.includes(id)) && wanted.repositories.every((name) => all.repositories.includes(name));
}

function at(object: JsonObject, ...path: readonly string[]): string | undefined {
  let value: unknown = object;
  for (const key of path) value = (value as JsonObject | undefined)?.[key];
  return typeof value === 'string' ? value : undefined;
}

/** A name that would lead out of its folder is none. */
function distinct(names: readonly (string | undefined)[]): readonly string[] {
  return [...new Set(names.filter((name): name is string => name !== undefined && name !== '' && !/^\.{1,2}$|\//.test(name)))].sort();
}
