import { type Coverage, coverageOf } from '../../../src/backup/covering/coverage.ts';
import type { BackupSetup, BackupSurroundings, ScheduleSetup, StoreSetup, VolumeSetup } from '../../../src/model/backup-setup.ts';

/** Builders of setups: all is well unless a test says otherwise. */

const AROUND: BackupSurroundings = {
  isLive: false,
  veleroEnabled: true,
  plugins: [],
  snapshotLocations: ['disks'],
  fsBackupByDefault: false,
  secrets: ['velero/velero-credentials-aws'],
  secretSources: 1,
  disksOutlive: true,
  ownHosts: [],
  otherStores: [],
};

export function store(rest: Partial<StoreSetup> = {}): StoreSetup {
  const name = rest.name ?? 'main';
  const namespace = rest.namespace ?? 'lattice-system';
  return {
    object: `lattice.dev/BackupStore ${namespace}/${name}`,
    at: 'stores.yaml:1',
    namespace,
    name,
    isDefault: true,
    provider: 's3',
    bucket: 'backups',
    region: 'eu-1',
    cloudProviderRef: 'aws',
    ...rest,
  };
}

export function schedule(rest: Partial<ScheduleSetup> = {}): ScheduleSetup {
  const name = rest.name ?? 'all';
  const namespace = rest.namespace ?? 'lattice-system';
  return {
    object: `lattice.dev/LatticeClusterBackup ${namespace}/${name}`,
    at: 'backups.yaml:1',
    kind: 'cluster',
    namespace,
    name,
    velero: `lattice-${name}`,
    cron: '0 2 * * *',
    periodMs: 86_400_000,
    isPaused: false,
    template: {},
    scope: { controlPlane: false, gpuPaasResources: false },
    ignored: [],
    ...rest,
  };
}

/** The schedule of a service of its own. */
export function serviceSchedule(service: string, rest: Partial<ScheduleSetup> = {}): ScheduleSetup {
  const [namespace = '', name = ''] = service.split('/');
  const object = `lattice.dev/LatticeService ${service}`;
  const template = { includedNamespaces: [namespace], selects: service };
  return schedule({ object, kind: 'service', namespace, name, velero: `lattice-svc-${namespace}-${name}`, template, ...rest });
}

export function volume(rest: Partial<VolumeSetup> = {}): VolumeSetup {
  return {
    object: 'lattice.dev/LatticeService shop/db',
    at: 'shop.yaml:1',
    claim: 'shop/db-data',
    namespace: 'shop',
    service: 'shop/db',
    replicas: 1,
    isOptedIn: false,
    ...rest,
  };
}

/** Coverage of a setup in which only what is given differs from one where all is well. */
export function covered(rest: Partial<Omit<BackupSetup, 'around'>> & { readonly around?: Partial<BackupSurroundings> } = {}): Coverage {
  const { around, ...parts } = rest;
  return coverageOf({ stores: [store()], schedules: [schedule()], volumes: [volume()], objects: [], ...parts, around: { ...AROUND, ...around } });
}

/** Findings as `severity code object`, without the note about Cluster API that every setup read from git alone has. */
export function found({ findings }: Coverage): readonly string[] {
  return findings.filter(({ code }) => code !== 'capi-omitted').map(({ severity, code, object }) => `${severity} ${code} ${object.split(' ').at(-1) ?? ''}`);
}
