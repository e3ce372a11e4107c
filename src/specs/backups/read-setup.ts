import type { BackupSetup, BackupSurroundings, CountedObjects } from '../../model/backup-setup.ts';
import { groupOf, type KubeObject } from '../../model/kube-object.ts';
import { asList, asText, fieldAt, objectEntries } from '../fields.ts';
import { INSTALL_KINDS } from '../installs.ts';
import { isCapi } from '../profiles/kubernetes-dispositions.ts';
import { INHERITED_LABEL, LATTICE_GROUP } from '../profiles/lattice-names.ts';
import { scheduleSetup } from './schedule-setup.ts';
import type { SetupObject } from './setup-object.ts';
import { storeSetup } from './store-setup.ts';
import { volumeSetups } from './volume-setup.ts';

/** What the specs alone say of what backups depend on. */
export type WrittenSurroundings = Pick<BackupSurroundings, 'veleroEnabled' | 'snapshotLocations' | 'secrets' | 'disksOutlive' | 'ownHosts'>;

/** Kinds that a restore never applies, so that nobody misses them in a backup. */
const NEVER_MISSED: ReadonlySet<string> = new Set(['LatticeRestore', 'LatticeClusterRoutes']);

/** Reads stores, schedules, volumes and counted objects; objects of other kinds are passed over. Pure. */
export function readBackupSetup(objects: readonly SetupObject[]): Omit<BackupSetup, 'around'> {
  return {
    stores: objects.filter(({ object }) => isKind(object, LATTICE_GROUP, 'BackupStore')).map(storeSetup),
    schedules: objects.filter(({ object }) => makesSchedule(object)).flatMap((found) => scheduleSetup(found) ?? []),
    volumes: objects.flatMap(volumeSetups),
    objects: countObjects(objects.map(({ object }) => object)),
  };
}

function isKind(object: KubeObject, group: string, kind: string): boolean {
  return object.kind === kind && groupOf(object.apiVersion) === group;
}

function makesSchedule(object: KubeObject): boolean {
  return isKind(object, LATTICE_GROUP, 'LatticeClusterBackup') || isKind(object, LATTICE_GROUP, 'LatticeService') || isKind(object, 'velero.io', 'Schedule');
}

function countObjects(objects: readonly KubeObject[]): readonly CountedObjects[] {
  const counts = new Map<string, CountedObjects>();
  for (const object of objects.filter(isMissed)) {
    const group = groupOf(object.apiVersion);
    const resource = `${pluralOf(object.kind)}${group === '' ? '' : `.${group}`}`;
    const { namespace } = object.metadata;
    const key = `${resource} ${namespace ?? ''}`;
    const count = (counts.get(key)?.count ?? 0) + 1;
    counts.set(key, { resource, kind: object.kind, count, ...(namespace === undefined ? {} : { namespace }) });
  }
  return [...counts.values()];
}

/** What somebody wrote for this cluster: kinds of the platform, Secrets, Cluster API. */
function isMissed({ apiVersion, kind, metadata }: KubeObject): boolean {
  const group = groupOf(apiVersion);
  if (metadata.labels?.[INHERITED_LABEL] === 'true') return false;
  if (group === LATTICE_GROUP) return !INSTALL_KINDS.has(kind) && !NEVER_MISSED.has(kind);
  return isCapi(group) || (group === '' && kind === 'Secret');
}

/** The plural by which an API server serves a kind, as the CRDs of these groups spell it. */
function pluralOf(kind: string): string {
  const name = kind.toLowerCase();
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`;
}

/** What the specs say of the cluster itself: whether Velero is installed, where its disks are, which names it serves. */
export function writtenSurroundings(objects: readonly SetupObject[], cluster: string): WrittenSurroundings {
  const all = objects.map(({ object }) => object);
  const own = all.find((object) => object.kind === 'LatticeCluster' && object.metadata.name === cluster);
  const named = (group: string, kind: string): readonly KubeObject[] => all.filter((object) => isKind(object, group, kind));
  const backups = fieldAt(own?.spec, 'backups');
  return {
    veleroEnabled: backups !== false && fieldAt(backups, 'enabled') !== false,
    snapshotLocations: named('velero.io', 'VolumeSnapshotLocation').map(({ metadata }) => metadata.name),
    secrets: named('', 'Secret').map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`),
    disksOutlive: own === undefined || (fieldAt(own.spec, 'provider', 'config', 'aws') !== undefined && fieldAt(own.spec, 'storage') !== true),
    ownHosts: all.flatMap(hostsOf),
  };
}

/** Host names that an object has the cluster serve. */
function hostsOf({ kind, spec }: KubeObject): readonly string[] {
  if (kind === 'LatticeService') {
    const routes = objectEntries(fieldAt(spec, 'ingress', 'routes')).flatMap(([, route]) => asList(route['hosts']));
    return [...routes, ...asList(fieldAt(spec, 'workload', 'service', 'hostnames'))].flatMap((host) => asText(host) ?? []);
  }
  if (kind === 'HTTPRoute') return asList(fieldAt(spec, 'hostnames')).flatMap((host) => asText(host) ?? []);
  return kind === 'Ingress' ? asList(fieldAt(spec, 'rules')).flatMap((rule) => asText(fieldAt(rule, 'host')) ?? []) : [];
}
