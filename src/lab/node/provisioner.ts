import { mkdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { isDrError } from '../../errors/dr-error.ts';
import { type KubeObject, refOf } from '../../model/kube-object.ts';
import { type Controller, ownKey, type Requeue, splitKey } from '../reconcile/controller.ts';
import { namespaced, TYPES } from '../reconcile/types.ts';
import { directoryOfVolume, LAB_CSI_DRIVER } from './containers/pod-volumes.ts';
import { NODE_MANAGER, type NodeContext } from './node-context.ts';

/** The lab's storage class: each volume is a directory in the cluster's `disks` folder. */
export const LAB_STORAGE_CLASS = 'lab-local';
/** Name of the provisioner behind it. */
export const LAB_PROVISIONER = 'lab.lattice.dev/local';
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';

/**
 * Gives each claim of the lab's class that names no volume a new, empty one, at once. That is why specs before data loses the data: the claim is bound to
 * an empty volume by the time a restore comes (F49).
 */
export function provisionController(context: NodeContext): Controller {
  return {
    name: 'volume-provisioner',
    watches: [{ type: TYPES.PersistentVolumeClaim, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const { namespace, name } = splitKey(key);
      const claim = context.caches.get(namespaced(TYPES.PersistentVolumeClaim, namespace, name));
      if (claim === undefined || !wantsVolume(claim)) return undefined;
      const volumeName = `pvc-${claim.metadata.uid}`;
      const path = join(context.cluster.disksPath, volumeName);
      await mkdir(path, { recursive: true });
      try {
        await context.kube.create(volumeFor(claim, volumeName, path), { fieldManager: NODE_MANAGER, signal });
      } catch (error) {
        if (!isDrError(error, 'KUBE_CONFLICT')) throw error;
      }
      return undefined;
    },
  };
}

/** Removes volumes, and their bytes, whose claim is gone: the class's reclaim policy is Delete, as that of the platform's own classes is (F50). */
export function reclaimController(context: NodeContext): Controller {
  return {
    name: 'volume-reclaimer',
    watches: [{ type: TYPES.PersistentVolume, keys: ownKey }],
    async reconcile(key, signal): Promise<Requeue> {
      const volume = context.caches.get({ ...TYPES.PersistentVolume, name: key });
      if (volume === undefined || !isReleasedByUs(volume)) return undefined;
      const path = directoryOfVolume(volume);
      if (path !== undefined && isBeneath(path, context.cluster.disksPath)) await rm(path, { recursive: true, force: true });
      const { uid } = volume.metadata;
      await context.kube.delete(refOf(volume), { signal, ...(uid === undefined ? {} : { uid }) });
      return undefined;
    },
  };
}

function wantsVolume(claim: KubeObject): boolean {
  const { storageClassName, volumeName } = (claim.spec ?? {}) as { storageClassName?: string; volumeName?: string };
  const isUnbound = volumeName === undefined || volumeName === '';
  return storageClassName === LAB_STORAGE_CLASS && isUnbound && claim.metadata.deletionTimestamp === undefined;
}

function volumeFor(claim: KubeObject, name: string, path: string): KubeObject {
  const spec = (claim.spec ?? {}) as { resources?: { requests?: { storage?: string } }; accessModes?: readonly string[] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, annotations: { [PROVISIONED_BY]: LAB_PROVISIONER } },
    spec: {
      capacity: { storage: spec.resources?.requests?.storage ?? '1Gi' },
      accessModes: spec.accessModes ?? ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: LAB_STORAGE_CLASS,
      // Velero's file system backup takes no hostPath (Velero 1.18 podvolume/backupper.go); the platform's own classes are CSI.
      csi: { driver: LAB_CSI_DRIVER, volumeHandle: path },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: claim.metadata.namespace,
        name: claim.metadata.name,
        uid: claim.metadata.uid,
      },
    },
  };
}

function isReleasedByUs(volume: KubeObject): boolean {
  const isOurs = volume.metadata.annotations?.[PROVISIONED_BY] === LAB_PROVISIONER;
  const isDeleted = volume.spec?.['persistentVolumeReclaimPolicy'] === 'Delete';
  return isOurs && isDeleted && volume.status?.['phase'] === 'Released' && volume.metadata.deletionTimestamp === undefined;
}

/** Only what is in the cluster's own folder is ever removed from disk. */
function isBeneath(path: string, folder: string): boolean {
  const inside = relative(folder, path);
  return inside !== '' && !inside.startsWith('..');
}
