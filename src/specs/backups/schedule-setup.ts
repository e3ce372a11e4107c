import type { BackupTemplate, ScheduleSetup } from '../../model/backup-setup.ts';
import { isObject } from '../../model/json.ts';
import type { KubeObject } from '../../model/kube-object.ts';
import { cronPeriodMs } from '../cron-period.ts';
import { asList, asObject, asText, fieldAt, specOf } from '../fields.ts';
import { namesOf, present, type SetupObject, templateOf, textAt, writtenOf } from './setup-object.ts';

/** What `scope.controlPlane` makes Velero save; two of these kinds exist nowhere (`lattice-backup/src/velero.rs`). */
const CONTROL_PLANE_RESOURCES = [
  'latticeclusters.lattice.dev',
  'latticeservices.lattice.dev',
  'latticeexternalservices.lattice.dev',
  'latticeservicepolicies.lattice.dev',
  'infraproviders.lattice.dev',
  'secretproviders.lattice.dev',
  'cedarpolicies.lattice.dev',
  'oidcproviders.lattice.dev',
  'backupstores.lattice.dev',
  'latticeclusterbackups.lattice.dev',
];
/** What `scope.gpuPaasResources` adds; none of them exists (same file). */
const GPU_RESOURCES = ['gpupools.lattice.dev', 'inferenceendpoints.lattice.dev', 'modelcaches.lattice.dev', 'gputenantquotas.lattice.dev'];

const NO_SCOPE: ScheduleSetup['scope'] = { controlPlane: false, gpuPaasResources: false };

/** The schedule that an object makes the platform or Velero keep; `undefined` when it makes none. */
export function scheduleSetup(found: SetupObject): ScheduleSetup | undefined {
  if (found.object.kind === 'LatticeClusterBackup') return clusterBackup(found);
  if (found.object.kind === 'LatticeService') return serviceBackup(found);
  return found.object.kind === 'Schedule' ? veleroSchedule(found) : undefined;
}

/** LatticeClusterBackup: either flag of its scope narrows it to a list of kinds; both off means everything (`lattice-backup/src/cluster_backup_controller.rs`). */
function clusterBackup(found: SetupObject): ScheduleSetup {
  const { object } = found;
  const spec = specOf(object);
  const scope = asObject(spec['scope']);
  const controlPlane = scope['controlPlane'] === true;
  const gpuPaasResources = scope['gpuPaasResources'] === true;
  const resources = [...(controlPlane ? CONTROL_PLANE_RESOURCES : []), ...(gpuPaasResources ? GPU_RESOURCES : [])];
  const template = templateOf({
    includedResources: resources,
    includedNamespaces: scope['includeNamespaces'],
    excludedNamespaces: scope['excludeNamespaces'],
  });
  const ignored = [
    ...(isSet(fieldAt(spec, 'retention', 'daily')) ? ['spec.retention.daily'] : []),
    ...(isSet(scope['workloadNamespaces']) ? ['spec.scope.workloadNamespaces'] : []),
  ];
  return {
    ...common(found, { kind: 'cluster', velero: `lattice-${object.metadata.name}`, cron: textAt(spec, 'schedule') ?? '' }),
    isPaused: spec['paused'] === true,
    template,
    scope: { controlPlane, gpuPaasResources },
    ignored,
    ...present({ storeRef: asText(spec['storeRef']), ttl: asText(fieldAt(spec, 'retention', 'ttl')) }),
  };
}

/** `spec.backup` of a LatticeService: its namespace, by the labels of its pods (`lattice-backup/src/service_backup_controller.rs`). */
function serviceBackup(found: SetupObject): ScheduleSetup | undefined {
  const { namespace = '', name } = found.object.metadata;
  const backup = specOf(found.object)['backup'];
  const cron = asText(fieldAt(backup, 'schedule'));
  if (cron === undefined || !isObject(backup)) return undefined;
  const template: BackupTemplate = { includedNamespaces: [namespace], selects: `${namespace}/${name}` };
  return {
    ...common(found, { kind: 'service', velero: `lattice-svc-${namespace}-${name}`, cron }),
    isPaused: false,
    template,
    scope: NO_SCOPE,
    ignored: isSet(fieldAt(backup, 'retention', 'daily')) ? ['spec.backup.retention.daily'] : [],
    ...present({ storeRef: asText(backup['storeRef']), ttl: asText(fieldAt(backup, 'retention', 'ttl')) }),
  };
}

/** A Schedule that is written as such, for clusters without the platform. */
function veleroSchedule(found: SetupObject): ScheduleSetup {
  const spec = specOf(found.object);
  const template = asObject(spec['template']);
  const isSelective = template['labelSelector'] !== undefined || asList(template['orLabelSelectors']).length > 0;
  return {
    ...common(found, { kind: 'velero', velero: found.object.metadata.name, cron: textAt(spec, 'schedule') ?? '' }),
    isPaused: spec['paused'] === true,
    template: { ...templateOf(template), ...(isSelective ? { selects: '' } : {}) },
    scope: NO_SCOPE,
    ignored: [],
    ...present({ location: asText(template['storageLocation']), ttl: asText(template['ttl']) }),
  };
}

function common(
  found: SetupObject,
  own: Pick<ScheduleSetup, 'kind' | 'velero' | 'cron'>,
): Pick<ScheduleSetup, 'kind' | 'velero' | 'cron' | 'object' | 'namespace' | 'name' | 'periodMs'> {
  const { namespace = '', name } = found.object.metadata;
  return { ...writtenOf(found), ...own, namespace, name, ...present({ periodMs: cronPeriodMs(own.cron) }) };
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** The schedule with what the cluster says of it: Velero complains in the Schedule's own status, and the platform never reads that. */
export function withObserved(schedule: ScheduleSetup, live: KubeObject | undefined): ScheduleSetup {
  const phase = live === undefined ? 'absent' : (asText(live.status?.['phase']) ?? 'New');
  const message = (namesOf(live?.status?.['validationErrors']) ?? []).join('; ');
  return { ...schedule, observed: { phase, message, isPaused: live?.spec?.['paused'] === true } };
}
