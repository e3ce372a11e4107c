import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestVolume } from '../../src/lab/apps/volume-data.ts';
import { directoryOfVolume } from '../../src/lab/node/containers/pod-volumes.ts';
import { TYPES } from '../../src/lab/reconcile/types.ts';
import { type KubeObject, placeOf, refOf } from '../../src/model/kube-object.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { VolumeSource } from '../../src/steps/volumes/source-schema.ts';
import { object, untilPhase, untilSeen } from '../integration/velero-world.ts';

const NAMESPACE = 'shop';
const BACKUP = 'many';
const HOLDER = 'holder';
const BYTES = 1_000_000;
const MANAGER = 'bench';

/** Makes claims of known content, held by one pod, and has Velero save them file by file. Gives what a restore needs to know of each. */
export async function saveVolumes(kube: KubeCluster, count: number, signal: AbortSignal): Promise<readonly VolumeSource[]> {
  const names = Array.from({ length: count }, (_, index) => `data-${String(index).padStart(2, '0')}`);
  const options = { fieldManager: MANAGER, signal };
  await kube.create({ ...TYPES.Namespace, metadata: { name: NAMESPACE } }, options);
  const spec = { storageClassName: 'lab-local', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '64Mi' } } };
  await Promise.all(names.map(async (name) => await kube.create(object('v1/PersistentVolumeClaim', { name, namespace: NAMESPACE }, spec), options)));
  await kube.create(holder(names), options);
  await untilSeen({ kube, signal }, TYPES.Pod, ({ metadata, status }) => metadata.name === HOLDER && status?.['phase'] === 'Running');
  for (const directory of (await directories(kube, signal)).values()) await writeFile(join(directory, 'content'), randomBytes(BYTES));
  const backup = { storageLocation: 'lattice-main', includedNamespaces: [NAMESPACE] };
  await kube.create(object('velero.io/v1/Backup', { name: BACKUP, namespace: 'velero' }, backup), options);
  await untilPhase({ kube, signal }, 'Backup', { name: BACKUP, phase: 'Completed' });
  const saved = (await kube.list({ apiVersion: 'velero.io/v1', kind: 'PodVolumeBackup' }, { signal })) ?? [];
  return saved.map(({ spec: of, status }) => ({
    claim: `${NAMESPACE}/${String(of?.['volume'])}`,
    from: 'fs-backup',
    store: 'main',
    backup: BACKUP,
    minutesLost: 0,
    objectiveMinutes: 60,
    files: { snapshot: String(status?.['snapshotID']), uploader: 'kopia', volume: String(of?.['volume']) },
  }));
}

/** Velero saves files of volumes that a running pod mounts. */
function holder(names: readonly string[]): KubeObject {
  const metadata = { name: HOLDER, namespace: NAMESPACE, annotations: { 'backup.velero.io/backup-volumes': names.join(',') } };
  const volumes = names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  const container = { name: 'main', image: 'registry.k8s.io/pause:3.10', volumeMounts: names.map((name) => ({ name, mountPath: `/${name}` })) };
  return object('v1/Pod', metadata, { terminationGracePeriodSeconds: 0, containers: [container], volumes });
}

/** Takes the claims, their volumes and their bytes away, with the pod that holds them. */
export async function loseVolumes(kube: KubeCluster, signal: AbortSignal): Promise<void> {
  await kube.delete({ ...TYPES.Pod, namespace: NAMESPACE, name: HOLDER }, { signal, gracePeriodSeconds: 0 });
  for (; ; await sleep(200, undefined, { signal })) {
    const claims = (await kube.list(TYPES.PersistentVolumeClaim, { namespace: NAMESPACE, signal })) ?? [];
    const volumes = (await kube.list(TYPES.PersistentVolume, { signal })) ?? [];
    if (claims.length + volumes.length === 0) return;
    // A restored volume outlives its claim.
    const released = volumes.filter(({ status }) => status?.['phase'] !== 'Bound');
    for (const one of [...claims, ...released]) await kube.delete(refOf(one), { signal });
  }
}

/** Digest of the bytes behind each claim. */
export async function digestsOf(kube: KubeCluster, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const [claim, path] of await directories(kube, signal)) found.set(claim, (await digestVolume({ name: claim, path, owned: false })).digest);
  return found;
}

/** Directory behind each bound claim. */
async function directories(kube: KubeCluster, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const [claims, volumes] = await Promise.all([
    kube.list(TYPES.PersistentVolumeClaim, { namespace: NAMESPACE, signal }),
    kube.list(TYPES.PersistentVolume, { signal }),
  ]);
  const byName = new Map((volumes ?? []).map((volume) => [volume.metadata.name, volume]));
  return new Map(
    (claims ?? []).flatMap((claim) => {
      const path = directoryOfVolume(byName.get(String(claim.spec?.['volumeName'])));
      return path === undefined ? [] : [[placeOf(claim), path]];
    }),
  );
}
