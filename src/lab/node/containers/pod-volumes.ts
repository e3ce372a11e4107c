import { mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { KubeObject } from '../../../model/kube-object.ts';
import type { LabCluster } from '../../config.ts';
import { isMissingFile } from '../../file-errors.ts';
import { replaceFile } from '../../json-file.ts';
import type { Caches } from '../../reconcile/caches.ts';
import { namespaced, TYPES } from '../../reconcile/types.ts';
import { dataOf, type NotYet } from '../pod-app.ts';
import { type PodVolume, podSpec } from '../pod-spec.ts';

/** The kubelet's folder of a real machine; what a pod's hostPath names beneath it is the lab's. */
const KUBELET_ROOT = '/var/lib/kubelet';

/** Driver of the volumes that the lab's class makes. */
export const LAB_CSI_DRIVER = 'csi.lab.lattice.dev';

/** Folder of a pod, laid out as `/var/lib/kubelet/pods/<uid>`: Velero's node agent looks volumes up in it (Velero 1.18 `exposer/host_path.go`). */
export function podFolder(cluster: LabCluster, uid: string): string {
  return join(kubeletFolder(cluster), 'pods', uid);
}

function kubeletFolder(cluster: LabCluster): string {
  return join(cluster.directory, 'kubelet');
}

/** Makes a pod's folder and volumes; gives the folder of each volume by its name in the pod, without those of kinds that the lab does not know. */
export async function preparePodVolumes(pod: KubeObject, cluster: LabCluster, caches: Caches): Promise<ReadonlyMap<string, string> | NotYet> {
  const folder = podFolder(cluster, pod.metadata.uid ?? '');
  await mkdir(join(folder, 'volumes'), { recursive: true, mode: 0o700 });
  const paths = new Map<string, string>();
  for (const volume of podSpec(pod).volumes ?? []) {
    const path = await prepare(volume, { pod, folder, cluster, caches });
    if (path === undefined) continue;
    if (typeof path !== 'string') return path;
    paths.set(volume.name, path);
  }
  return paths;
}

/** Removes a pod's folder. Volumes are links in it, so what they lead to stays. */
export async function removePodFolder(cluster: LabCluster, uid: string): Promise<void> {
  await rm(podFolder(cluster, uid), { recursive: true, force: true });
}

interface Place {
  readonly pod: KubeObject;
  readonly folder: string;
  readonly cluster: LabCluster;
  readonly caches: Caches;
}

async function prepare(volume: PodVolume, place: Place): Promise<string | NotYet | undefined> {
  const { pod, folder, cluster, caches } = place;
  const namespace = pod.metadata.namespace ?? '';
  if (volume.persistentVolumeClaim !== undefined) return claimFolder(volume.persistentVolumeClaim.claimName, place);
  if (volume.emptyDir !== undefined) {
    const path = join(folder, 'volumes', 'kubernetes.io~empty-dir', volume.name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return path;
  }
  if (volume.hostPath !== undefined) return hostFolder(volume.hostPath.path, cluster);
  if (volume.secret !== undefined) {
    const secret = caches.get(namespaced(TYPES.Secret, namespace, volume.secret.secretName));
    if (secret === undefined && volume.secret.optional !== true) return notMounted(`secret "${volume.secret.secretName}" not found`);
    const path = join(folder, 'volumes', 'kubernetes.io~secret', volume.name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    for (const [key, value] of Object.entries(dataOf(secret))) await replaceFile(join(path, key), Buffer.from(value, 'base64').toString('utf8'));
    return path;
  }
  return undefined;
}

/** Where a claim's bytes are, with the link that a kubelet's mount would be. */
async function claimFolder(claim: string, { pod, folder, caches }: Place): Promise<string | NotYet> {
  const found = volumeOfClaim(pod.metadata.namespace ?? '', claim, caches);
  if ('reason' in found) return found;
  const { path, name, plugin } = found;
  if (plugin !== undefined) {
    const mounted =
      plugin === 'csi' ? join(folder, 'volumes', 'kubernetes.io~csi', name, 'mount') : join(folder, 'volumes', 'kubernetes.io~local-volume', name);
    await linkTo(path, mounted);
  }
  return path;
}

interface ClaimVolume {
  readonly path: string;
  /** Name of the PersistentVolume. */
  readonly name: string;
  /** Kind of volume that a kubelet mounts into the pod's folder; a hostPath is none. */
  readonly plugin?: 'csi' | 'local';
}

/** The directory behind a claim: a volume of the lab's class, a local one or a hostPath. */
function volumeOfClaim(namespace: string, claimName: string, caches: Caches): ClaimVolume | NotYet {
  const claim = caches.get(namespaced(TYPES.PersistentVolumeClaim, namespace, claimName));
  if (claim === undefined) return notMounted(`persistentvolumeclaim "${claimName}" not found`);
  const name = claim.spec?.['volumeName'];
  if (claim.status?.['phase'] !== 'Bound' || typeof name !== 'string') return notMounted(`persistentvolumeclaim "${claimName}" is not bound`);
  const volume = caches.get({ ...TYPES.PersistentVolume, name });
  const spec = (volume?.spec ?? {}) as VolumeSource;
  if (spec.csi?.driver === LAB_CSI_DRIVER) return { path: spec.csi.volumeHandle, name, plugin: 'csi' };
  if (spec.local !== undefined) return { path: spec.local.path, name, plugin: 'local' };
  if (spec.hostPath !== undefined) return { path: spec.hostPath.path, name };
  return notMounted(`persistentvolume "${name}" has no directory`);
}

interface VolumeSource {
  readonly csi?: { readonly driver: string; readonly volumeHandle: string };
  readonly local?: { readonly path: string };
  readonly hostPath?: { readonly path: string };
}

/** Directory of this machine behind a PersistentVolume, whatever form it has; `undefined` when it has none. */
export function directoryOfVolume(volume: KubeObject | undefined): string | undefined {
  const { csi, local, hostPath } = (volume?.spec ?? {}) as VolumeSource;
  return (csi?.driver === LAB_CSI_DRIVER ? csi.volumeHandle : undefined) ?? local?.path ?? hostPath?.path;
}

/** A practice machine's own folders are nobody's business: of hostPath volumes only the kubelet's are there, and they are the lab's. */
async function hostFolder(path: string, cluster: LabCluster): Promise<string | NotYet> {
  const inside = relative(KUBELET_ROOT, path);
  if (inside.startsWith('..')) return notMounted(`hostPath ${path}: a lab's node has nothing outside of ${KUBELET_ROOT}`);
  const folder = join(kubeletFolder(cluster), inside);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

async function linkTo(target: string, path: string): Promise<void> {
  const current = await readlink(path).catch((error: unknown) => {
    if (isMissingFile(error)) return undefined;
    throw error;
  });
  if (current === target) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await symlink(target, path);
}

function notMounted(message: string): NotYet {
  return { reason: 'ContainerCreating', message };
}
