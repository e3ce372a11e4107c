import type { BackupSetup, BackupSurroundings, VolumeSetup } from '../../model/backup-setup.ts';
import { groupOf, type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import { asList, asText, fieldAt } from '../fields.ts';
import { locationNameOf, withBackupStatus, withStoreStatus } from './platform-status.ts';
import { readBackupSetup } from './read-setup.ts';
import { withObserved } from './schedule-setup.ts';
import type { SetupObject } from './setup-object.ts';
import { withLocation } from './store-setup.ts';

/** What a living cluster says: every list that could be read. */
export interface LiveObjects {
  /** The platform's objects, Secrets and Cluster API objects. Of Secrets only names count. */
  readonly objects: readonly KubeObject[];
  readonly schedules: readonly KubeObject[];
  readonly locations: readonly KubeObject[];
  readonly snapshotLocations: readonly KubeObject[];
  readonly claims: readonly KubeObject[];
  readonly pods: readonly KubeObject[];
  /** Deployment `velero/velero`. */
  readonly velero: KubeObject | undefined;
}

/**
 * The setup as it is: what is on the cluster counts, because that is what runs; what is only in git is kept, because it is meant to. Places in files come from
 * git. Pure.
 */
export function liveBackupSetup(written: readonly SetupObject[], live: LiveObjects): Omit<BackupSetup, 'around'> {
  const byKey = new Map(written.map((found) => [refKey(refOf(found.object)), found]));
  const onCluster = new Map(live.objects.map((object) => [refKey(refOf(object)), object]));
  const seen = live.objects.map((object): SetupObject => {
    const at = byKey.get(refKey(refOf(object)))?.at;
    return { object, ...(at === undefined ? {} : { at }) };
  });
  const unseen = written.filter(({ object }) => !onCluster.has(refKey(refOf(object))));
  const setup = readBackupSetup([...seen, ...unseen.filter(({ object }) => object.kind !== 'Schedule')]);
  const made = new Map(live.schedules.map((object) => [object.metadata.name, object]));
  const resolved = setup.schedules.map((schedule) => withBackupStatus(schedule, onCluster.get(schedule.object)));
  const asked = resolved.map((schedule) => withObserved(schedule, made.get(schedule.velero)));
  const others = live.schedules.filter(({ metadata }) => !asked.some(({ velero }) => velero === metadata.name));
  const placed = others.map((object): SetupObject => ({ ...byKey.get(refKey(refOf(object))), object }));
  return {
    stores: setup.stores.map((store) => {
      const object = onCluster.get(store.object);
      const name = locationNameOf(store, object);
      const location = live.locations.find(({ metadata }) => metadata.name === name);
      return withLocation(withStoreStatus(store, object), name, location);
    }),
    schedules: [...asked, ...readBackupSetup(placed).schedules.map((schedule) => withObserved(schedule, made.get(schedule.velero)))],
    volumes: liveVolumes(setup.volumes, live),
    objects: setup.objects,
  };
}

/** Claims that exist, with the service they belong to, the pods that mount them now and what those ask for; and claims that are only meant to exist. */
function liveVolumes(meant: readonly VolumeSetup[], { claims, pods }: LiveObjects): readonly VolumeSetup[] {
  const byClaim = new Map(meant.map((volume) => [volume.claim, volume]));
  const existing = claims.map((object): VolumeSetup => {
    const { namespace = '', name } = object.metadata;
    const claim = `${namespace}/${name}`;
    const mounts = pods.filter((pod) => pod.metadata.namespace === namespace).flatMap((pod) => mountOf(pod, name) ?? []);
    const known = byClaim.get(claim);
    return {
      object: known?.object ?? refKey(refOf(object)),
      ...(known?.at === undefined ? {} : { at: known.at }),
      ...(known?.service === undefined ? {} : { service: known.service }),
      claim,
      namespace,
      replicas: mounts.length,
      isOptedIn: mounts.some(({ isOptedIn }) => isOptedIn),
    };
  });
  const found = new Set(existing.map(({ claim }) => claim));
  return [...existing, ...meant.filter(({ claim }) => !found.has(claim))];
}

/** That a pod which has not ended mounts a claim, and whether its annotation names the volume. */
function mountOf(pod: KubeObject, claim: string): { readonly isOptedIn: boolean } | undefined {
  if (['Succeeded', 'Failed'].includes(asText(pod.status?.['phase']) ?? '')) return undefined;
  const volume = asList(fieldAt(pod.spec, 'volumes')).find((one) => fieldAt(one, 'persistentVolumeClaim', 'claimName') === claim);
  if (volume === undefined) return undefined;
  const optedIn = (pod.metadata.annotations?.['backup.velero.io/backup-volumes'] ?? '').split(',').map((name) => name.trim());
  return { isOptedIn: optedIn.includes(asText(fieldAt(volume, 'name')) ?? '') };
}

/** What the cluster itself says of what backups depend on. */
export function liveSurroundings({
  velero,
  snapshotLocations,
  objects,
}: LiveObjects): Pick<BackupSurroundings, 'veleroEnabled' | 'plugins' | 'fsBackupByDefault' | 'snapshotLocations' | 'secrets'> {
  const containers = asList(fieldAt(velero?.spec, 'template', 'spec', 'initContainers'));
  const images = containers.map((container) => asText(fieldAt(container, 'image')) ?? '');
  const args = asList(fieldAt(velero?.spec, 'template', 'spec', 'containers')).flatMap((container) => asList(fieldAt(container, 'args')));
  return {
    veleroEnabled: velero !== undefined,
    plugins: [
      ...(images.some((image) => image.includes('velero-plugin-for-gcp')) ? ['gcp'] : []),
      ...(images.some((image) => image.includes('velero-plugin-for-microsoft-azure')) ? ['azure'] : []),
    ],
    fsBackupByDefault: args.some((arg) => typeof arg === 'string' && /^--default-volumes-to-fs-backup(=true)?$/.test(arg)),
    snapshotLocations: snapshotLocations.map(({ metadata }) => metadata.name),
    secrets: objects
      .filter((object) => object.kind === 'Secret' && groupOf(object.apiVersion) === '')
      .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`),
  };
}
