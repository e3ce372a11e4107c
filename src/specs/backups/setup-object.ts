import type { BackupTemplate, Written } from '../../model/backup-setup.ts';
import { type KubeObject, refKey, refOf } from '../../model/kube-object.ts';
import { asText } from '../fields.ts';

/** An object that says how backups are set up, and where it is written; without a place it was found on the cluster only. */
export interface SetupObject {
  readonly object: KubeObject;
  /** `file:line`. */
  readonly at?: string;
}

/** What every part of a setup carries of the object that it was read from. */
export function writtenOf({ object, at }: SetupObject): Written {
  return { object: refKey(refOf(object)), ...(at === undefined ? {} : { at }) };
}

/** A list of names; absent when it is empty or no list. */
export function namesOf(value: unknown): readonly string[] | undefined {
  const names = Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
  return names.length === 0 ? undefined : names;
}

/** The fields that are there. */
export function present<T extends Readonly<Record<string, unknown>>>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}

/** The part of a template that a Velero Backup's spec and a Schedule's template write alike. */
export function templateOf(spec: Readonly<Record<string, unknown>>): BackupTemplate {
  const flag = (key: string): boolean | undefined => (typeof spec[key] === 'boolean' ? spec[key] : undefined);
  return present({
    includedNamespaces: withoutStar(namesOf(spec['includedNamespaces'])),
    excludedNamespaces: namesOf(spec['excludedNamespaces']),
    includedResources: withoutStar(namesOf(spec['includedResources'])),
    excludedResources: namesOf(spec['excludedResources']),
    includeClusterResources: flag('includeClusterResources'),
    snapshotVolumes: flag('snapshotVolumes'),
    defaultVolumesToFsBackup: flag('defaultVolumesToFsBackup'),
  });
}

/** A star among the names means all of them, as no list does (Velero 1.18 `pkg/util/collections/includes_excludes.go`). */
function withoutStar(names: readonly string[] | undefined): readonly string[] | undefined {
  return names?.includes('*') === true ? undefined : names;
}

/** Text at a key, when there is some. */
export function textAt(fields: Readonly<Record<string, unknown>>, key: string): string | undefined {
  return asText(fields[key]);
}
