import type { KubeObject } from '../model/kube-object.ts';
import { durationText } from '../model/plan/fields.ts';
import { type Draft, decide, note } from '../runbook/plan-draft.ts';
import { cronPeriodMs } from '../specs/cron-period.ts';
import { asObject, asText, fieldAt } from '../specs/fields.ts';
import type { LivingCluster } from './init-look.ts';

/** Keys of a snapshot location's `config` that could hold a credential, whatever they should hold. */
const CREDENTIAL_KEY = /secret|password|token|accesskey|credential/i;

/** Providers of what can be restored from: the platform's Velero has the plugin for AWS alone (`lattice-velero/build.rs`). */
const FROM_S3: ReadonlySet<string> = new Set(['s3', 's3Compatible']);

/** What could not be drafted, for the terminal. */
export interface Drafted {
  readonly draft: Draft | undefined;
  readonly findings: readonly string[];
}

/** `spec.backups`: where the stores of the cluster are. */
export function draftBackups({ platform, snapshotLocations }: LivingCluster): Drafted {
  const stores = platform.filter(({ kind }) => kind === 'BackupStore');
  const findings = stores.length === 0 ? ['the cluster has no BackupStore: its volumes have no recovery point that this tool could restore'] : [];
  const drafts = stores.flatMap((store) => {
    const provider = asText(fieldAt(store.spec, 'storage', 'provider')) ?? 's3';
    if (!FROM_S3.has(provider)) findings.push(`BackupStore ${store.metadata.name} is not in S3 (provider ${provider}), which is all that is restored from`);
    const place = placeOf(store, provider);
    return place === undefined ? [] : [storeDraft(store, { place, backups: backupsOf(store, platform), snapshotLocations })];
  });
  return { draft: drafts.length === 0 ? undefined : drafts, findings };
}

/** Where a store's backups are, as a plan says it; `undefined` where the store does not. */
function placeOf(store: KubeObject, provider: string): Fields | undefined {
  const at = (...path: readonly string[]): string | undefined => asText(fieldAt(store.spec, 'storage', ...path));
  if (provider === 'gcs') return withBucket({ provider, bucket: at('gcs', 'bucket') });
  if (provider === 'azure')
    return withBucket({ provider, bucket: at('azure', 'container'), account: at('azure', 'storageAccount') ?? decide('name of the storage account') });
  return withBucket({ bucket: at('s3', 'bucket'), region: at('s3', 'region'), endpoint: at('s3', 'endpoint') });
}

function withBucket(place: Fields): Fields | undefined {
  return place['bucket'] === undefined ? undefined : place;
}

type Fields = Readonly<Record<string, Draft | undefined>>;

interface StoreParts {
  readonly place: Fields;
  readonly backups: readonly KubeObject[];
  readonly snapshotLocations: readonly KubeObject[];
}

function storeDraft(store: KubeObject, { place, backups, snapshotLocations }: StoreParts): Draft {
  const [chosen, ...others] = backups;
  const named = chosen === undefined ? undefined : note(chosen.metadata.name, backupComment(chosen, others));
  return { store: store.metadata.name, ...place, clusterBackup: named, volumeSnapshotLocation: snapshotDraft(snapshotLocations) };
}

function backupComment(chosen: KubeObject, others: readonly KubeObject[]): string {
  const covers = coversVolumes(chosen) ? 'takes volumes' : 'takes NO volumes: its scope lists kinds only';
  const rest = others.length === 0 ? '' : `; there are also ${others.map(({ metadata }) => metadata.name).join(', ')}`;
  return `schedule '${asText(fieldAt(chosen.spec, 'schedule')) ?? 'none'}', ${covers}${rest}`;
}

/** Backups that go to a store, those that take volumes first. */
function backupsOf(store: KubeObject, platform: readonly KubeObject[]): readonly KubeObject[] {
  const isDefault = store.spec?.['default'] === true;
  return platform
    .filter(({ kind }) => kind === 'LatticeClusterBackup')
    .filter((backup) => {
      const reference = asText(fieldAt(backup.spec, 'storeRef'));
      return reference === undefined ? isDefault : reference === store.metadata.name && backup.metadata.namespace === store.metadata.namespace;
    })
    .sort((a, b) => Number(coversVolumes(b)) - Number(coversVolumes(a)));
}

/** Either flag of the scope narrows a backup to a list of kinds, without volumes (lattice-backup/src/cluster_backup_controller.rs). */
function coversVolumes(backup: KubeObject): boolean {
  return fieldAt(backup.spec, 'scope', 'controlPlane') !== true && fieldAt(backup.spec, 'scope', 'gpuPaasResources') !== true;
}

function snapshotDraft([location]: readonly KubeObject[]): Draft | undefined {
  const provider = asText(fieldAt(location?.spec, 'provider'));
  if (provider === undefined) return undefined;
  const config = Object.entries(asObject(fieldAt(location?.spec, 'config'))).flatMap(([key, value]) => {
    if (typeof value !== 'string') return [];
    return [[key, CREDENTIAL_KEY.test(key) ? decide(`'${key}' may be a credential, which a plan must not hold`) : value] as const];
  });
  return { provider, ...(config.length === 0 ? {} : { config: Object.fromEntries(config) }) };
}

/** `spec.objectives`: how much may be lost is what the schedules allow; how long it may take is for people to say. */
export function draftObjectives({ platform }: LivingCluster): Drafted {
  const schedules = platform
    .filter(({ kind }) => kind === 'LatticeClusterBackup')
    .filter(coversVolumes)
    .flatMap((backup) => {
      const schedule = asText(fieldAt(backup.spec, 'schedule'));
      const periodMs = schedule === undefined ? undefined : cronPeriodMs(schedule);
      return schedule === undefined || periodMs === undefined ? [] : [{ name: backup.metadata.name, schedule, periodMs }];
    })
    .sort((a, b) => a.periodMs - b.periodMs);
  const [best] = schedules;
  const rpo =
    best === undefined
      ? decide('how old may the newest recovery point be, such as 1h; no schedule that takes volumes says')
      : note(durationText(best.periodMs), `what schedule '${best.schedule}' of ${best.name} can keep; a stricter one needs a denser schedule`);
  return { draft: { rto: decide('how long may users wait from the start of the recovery to proven health, such as 40m'), rpo }, findings: [] };
}
