import type { JsonObject } from '../model/json.ts';
import type { KubeObject } from '../model/kube-object.ts';
import { locationName } from './velero-layout.ts';

/** What a schedule backs up, and where to: what a backup must cover to stand for it. */
export interface ScheduledScope {
  /** BackupStorageLocation; absent when the object leaves it to the cluster's default. */
  readonly location?: string;
  /** Namespaces; absent: all. */
  readonly namespaces?: readonly string[];
}

interface BackupSpec {
  readonly storageLocation?: string;
  readonly includedNamespaces?: readonly string[] | null;
  readonly labelSelector?: JsonObject | null;
}

/** The scope of an object that has a schedule: a Velero Schedule, a LatticeClusterBackup (cluster_backup_controller.rs), or a LatticeService (service_backup_controller.rs). */
export function scheduledScope(object: KubeObject): ScheduledScope {
  const spec = (object.spec ?? {}) as {
    readonly template?: BackupSpec;
    readonly scope?: { readonly includeNamespaces?: readonly string[] | null };
    readonly storeRef?: unknown;
    readonly backup?: { readonly storeRef?: unknown };
  };
  if (object.kind === 'Schedule') return scopeOf(spec.template?.storageLocation, spec.template?.includedNamespaces);
  if (object.kind === 'LatticeClusterBackup') return scopeOf(locationOf(spec.storeRef), spec.scope?.includeNamespaces);
  return scopeOf(locationOf(spec.backup?.storeRef), object.metadata.namespace === undefined ? undefined : [object.metadata.namespace]);
}

function locationOf(storeRef: unknown): string | undefined {
  return typeof storeRef === 'string' ? locationName(storeRef) : undefined;
}

function scopeOf(location: string | undefined, namespaces: readonly string[] | null | undefined): ScheduledScope {
  const named = isAll(namespaces) ? {} : { namespaces: namespaces ?? [] };
  return { ...(location === undefined ? {} : { location }), ...named };
}

/** As Velero reads its list of namespaces: none, or a star, is all of them. */
function isAll(namespaces: readonly string[] | null | undefined): boolean {
  return namespaces === undefined || namespaces === null || namespaces.length === 0 || namespaces.includes('*');
}

/** A Velero Backup that a person would look at, and why it is none that is asked for; `fault` is absent for one that is. */
export interface JudgedBackup {
  readonly name: string;
  /** Its BackupStorageLocation; empty while Velero has not filled in the default. */
  readonly location: string;
  readonly fault?: string;
}

/**
 * Judges the Velero Backups of a cluster: which is fresh, whole, covers the scope and was made by this cluster itself. One that was synced from the bucket, which
 * may be another cluster's, is younger than its own start: Velero's sync makes the object when the backup is complete (backup_sync_controller.go), its own
 * backups exist before they start. Times are those of the cluster, in whole seconds. The newest first.
 *
 * @param since - ISO 8601; only what began at or after it is fresh
 */
export function judgeFreshness(
  backups: readonly KubeObject[],
  { scope, since }: { readonly scope: ScheduledScope; readonly since: string },
): readonly JudgedBackup[] {
  return backups
    .filter((backup) => startOf(backup) >= wholeSeconds(since))
    .sort((a, b) => startOf(b) - startOf(a))
    .map((backup) => {
      const fault = faultOf(backup, scope);
      return { name: backup.metadata.name, location: String(backup.spec?.['storageLocation'] ?? ''), ...(fault === undefined ? {} : { fault }) };
    });
}

function faultOf({ metadata, spec, status }: KubeObject, { location, namespaces }: ScheduledScope): string | undefined {
  const { storageLocation, includedNamespaces, labelSelector } = (spec ?? {}) as BackupSpec;
  const phase = String(status?.['phase'] ?? 'New');
  const created = Date.parse(metadata.creationTimestamp ?? '');
  if (created > Date.parse(String(status?.['startTimestamp'] ?? ''))) return 'it was found in the bucket, not made by this cluster';
  if (location !== undefined && storageLocation !== location) return `it is in location ${storageLocation ?? 'by default'}, not in ${location}`;
  if (!isAll(includedNamespaces) && namespaces === undefined) return `it covers only namespaces ${(includedNamespaces ?? []).join(', ')}`;
  const left = isAll(includedNamespaces) ? [] : (namespaces ?? []).filter((name) => !(includedNamespaces ?? []).includes(name));
  if (left.length > 0) return `it leaves out namespaces ${left.join(', ')}`;
  if (labelSelector !== undefined && labelSelector !== null && namespaces === undefined) return 'it covers only what has certain labels';
  return phase === 'Completed' ? undefined : `it is ${phase}`;
}

function startOf({ metadata, status }: KubeObject): number {
  return Date.parse(String(status?.['startTimestamp'] ?? metadata.creationTimestamp ?? ''));
}

function wholeSeconds(time: string): number {
  return Math.floor(Date.parse(time) / 1_000) * 1_000;
}
