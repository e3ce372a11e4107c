import { isObject, type JsonObject } from '../model/json.ts';

/**
 * How Velero saved a volume: `snapshot` by the storage itself (a volume snapshotter or CSI), `fs-backup` file by file by the node agent, through a pod that mounts
 * it. A restore of the second kind needs such a pod again.
 */
export type SaveMethod = 'snapshot' | 'fs-backup';

/** What a backup holds of one volume (Velero 1.18 internal/volume/volumes_information.go, `BackupVolumeInfo`). */
export interface SavedVolume {
  /** `namespace/name`. */
  readonly claim: string;
  readonly method: SaveMethod;
  /** The cluster makes it anew by its storage class; of a native snapshot, Velero's plugin does. */
  readonly isProvisioned: boolean;
  /** ISO 8601: when its bytes were taken, as near as the backup tells. */
  readonly takenAt?: string;
  readonly bytes?: number;
  /** Zone that a native snapshot was taken in; the volume can be made anew only where such snapshots can be read. */
  readonly zone?: string;
  /** Of a file-system backup: what to restore, and the volume's name in the pod it was saved through. */
  readonly files?: { readonly snapshot: string; readonly uploader: string; readonly volume: string };
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = path.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), value);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function sizeIn(info: JsonObject): number | undefined {
  const sizes = ['pvbInfo', 'snapshotDataMovementInfo', 'csiSnapshotInfo'].map((key) => (isObject(info[key]) ? info[key]['size'] : undefined));
  return sizes.find((size): size is number => typeof size === 'number' && size > 0);
}

/** A native snapshot is of the moment it was begun; what is read file by file, of some moment until it ended. The earlier one is what can be relied on. */
function takenAt(info: JsonObject): string | undefined {
  return textAt(info, 'startTimestamp') ?? textAt(info, 'completionTimestamp');
}

/** Reads one entry of a backup's volume information; `undefined` for a volume without a claim, and for one of which nothing was saved. */
export function savedVolume(info: JsonObject): SavedVolume | undefined {
  const name = textAt(info, 'pvcName');
  if (name === undefined || info['skipped'] === true || info['result'] === 'failed') return undefined;
  const at = takenAt(info);
  const bytes = sizeIn(info);
  const zone = textAt(info, 'nativeSnapshotInfo', 'volumeAZ');
  const snapshot = textAt(info, 'pvbInfo', 'snapshotHandle');
  const isFiles = info['backupMethod'] === 'PodVolumeBackup';
  return {
    claim: `${textAt(info, 'pvcNamespace') ?? ''}/${name}`,
    method: isFiles ? 'fs-backup' : 'snapshot',
    isProvisioned: isFiles || info['backupMethod'] === 'CSISnapshot',
    ...(at === undefined || Number.isNaN(Date.parse(at)) ? {} : { takenAt: at }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(zone === undefined ? {} : { zone }),
    ...(isFiles && snapshot !== undefined
      ? { files: { snapshot, uploader: textAt(info, 'pvbInfo', 'uploaderType') ?? 'kopia', volume: textAt(info, 'pvbInfo', 'volumeName') ?? '' } }
      : {}),
  };
}
