import type { JsonObject } from '../model/json.ts';
import { isObject } from '../model/json.ts';

/** What a PersistentVolume's bytes are on, as a provider would be asked for it. */
export interface Disk {
  /** CSI driver, or the volume type of the PersistentVolume: `ebs.csi.aws.com`, `hostPath`. */
  readonly type: string;
  readonly handle: string;
}

/** Field that names the disk, by volume type (core/v1 PersistentVolumeSource). CSI volumes name their driver besides. */
const HANDLES: readonly (readonly [type: string, handle: string])[] = [
  ['hostPath', 'path'],
  ['local', 'path'],
  ['csi', 'volumeHandle'],
  ['awsElasticBlockStore', 'volumeID'],
  ['gcePersistentDisk', 'pdName'],
  ['azureDisk', 'diskURI'],
  ['vsphereVolume', 'volumePath'],
  ['cinder', 'volumeID'],
  ['nfs', 'path'],
  ['rbd', 'image'],
  ['cephfs', 'path'],
];

/** The disk behind a PersistentVolume's spec; `undefined` when its type is not known or names none. */
export function diskOf(spec: JsonObject | undefined): Disk | undefined {
  for (const [type, field] of HANDLES) {
    const source = spec?.[type];
    if (!isObject(source)) continue;
    const handle = source[field];
    if (typeof handle !== 'string' || handle === '') return undefined;
    const driver = source['driver'];
    const server = source['server'];
    return { type: type === 'csi' && typeof driver === 'string' ? driver : type, handle: typeof server === 'string' ? `${server}:${handle}` : handle };
  }
  return undefined;
}
