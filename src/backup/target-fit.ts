import type { JsonObject } from '../model/json.ts';
import type { Known } from '../model/known.ts';
import type { TarballFacts } from './tarball.ts';
import type { VeleroFiles } from './velero-checks.ts';
import type { BackupFinding } from './verdict.ts';

/** What a cluster that is to take the volumes offers. */
export interface TargetFacts {
  readonly server: string;
  /** Empty when its nodes name none: there is none to miss then. */
  readonly zones: readonly string[];
  readonly storageClasses: readonly string[];
}

/** A backup as far as it says what its volumes need. */
export interface FittedBackup {
  readonly files: Pick<VeleroFiles, 'volumeInfo'>;
  /** Absent when it was not read: then nobody knows the storage classes. */
  readonly tarball?: Pick<TarballFacts, 'volumes'>;
  readonly holdsVolumes: boolean;
}

const warning = (message: string): BackupFinding => ({ severity: 'warning', check: 'target', message });

/** What the target does not have that the volumes need, and what of it cannot be told. `mapped` are the plan's classes in place of those of the backup. */
export function targetFindings(backup: FittedBackup, target: Known<TargetFacts>, mapped: Readonly<Record<string, string>>): readonly BackupFinding[] {
  const zones = zonesIn(backup);
  const classes = [...new Set(classesIn(backup).map((name) => mapped[name] ?? name))];
  const isUnread = backup.tarball === undefined && backup.holdsVolumes;
  if (zones.length === 0 && classes.length === 0 && !isUnread) return [];
  const unread = isUnread ? [warning('which storage classes its volumes need is not known: its tarball was not read, which --bytes does')] : [];
  if (!target.known) {
    const needs = [...new Set(zones.map(({ zone }) => `zone ${zone}`)), ...classes.map((name) => `storage class ${name}`)];
    const what = needs.length === 0 ? '' : ` (${needs.join(', ')})`;
    return [warning(`whether the target has what its volumes need${what} cannot be told: ${target.reason}`), ...unread];
  }
  const { server, zones: there, storageClasses } = target.value;
  return [
    ...zones
      .filter(({ zone }) => there.length > 0 && !there.includes(zone))
      .map(({ claim, zone }) => warning(`the volume of ${claim} is in zone ${zone}, which the target ${server} does not have (${there.join(', ')})`)),
    ...classes
      .filter((name) => !storageClasses.includes(name))
      .map((name) => warning(`its volumes need storage class ${name}, which the target ${server} does not have (${storageClasses.join(', ') || 'none'})`)),
    ...unread,
  ];
}

function zonesIn({ files }: FittedBackup): readonly { readonly claim: string; readonly zone: string }[] {
  return (files.volumeInfo ?? []).flatMap((info) => {
    const zone = (info['nativeSnapshotInfo'] as JsonObject | undefined)?.['volumeAZ'];
    return typeof zone === 'string' && zone !== '' ? [{ claim: `${String(info['pvcNamespace'])}/${String(info['pvcName'])}`, zone }] : [];
  });
}

function classesIn({ tarball }: FittedBackup): readonly string[] {
  return (tarball?.volumes ?? []).map((volume) => String((volume['spec'] as JsonObject | undefined)?.['storageClassName'] ?? '')).filter((name) => name !== '');
}
