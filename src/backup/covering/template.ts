import type { BackupTemplate } from '../../model/backup-setup.ts';

/** An object as far as it matters for whether a backup takes it. */
export interface Candidate {
  /** `plural.group`, or `plural` of the core group. */
  readonly resource: string;
  /** Absent for cluster-scoped resources. */
  readonly namespace?: string;
}

/**
 * Whether a template takes objects of a resource, by Velero's rules: without lists everything; with namespaces, cluster-scoped objects only when
 * `includeClusterResources` says so or something namespaced brings them along (Velero 1.18 `pkg/backup/item_collector.go`). A selector takes nothing for
 * certain: see `volumes.ts` for what it brings along.
 */
export function takes(template: BackupTemplate, { resource, namespace }: Candidate): boolean {
  if (template.selects !== undefined) return false;
  return takesResource(template, resource) && (namespace === undefined ? takesClusterScoped(template) : takesNamespace(template, namespace));
}

/** Whether resources of that name are among those that a template takes. */
export function takesResource({ includedResources, excludedResources = [] }: BackupTemplate, resource: string): boolean {
  const short = resource.split('.')[0] ?? resource;
  const isIn = (names: readonly string[]): boolean => names.includes(resource) || names.includes(short);
  return (includedResources === undefined || isIn(includedResources)) && !isIn(excludedResources);
}

export function takesNamespace({ includedNamespaces, excludedNamespaces = [] }: BackupTemplate, namespace: string): boolean {
  return (includedNamespaces === undefined || includedNamespaces.includes(namespace)) && !excludedNamespaces.includes(namespace);
}

export function takesClusterScoped({ includeClusterResources, includedNamespaces, excludedNamespaces = [] }: BackupTemplate): boolean {
  return includeClusterResources ?? (includedNamespaces === undefined && excludedNamespaces.length === 0);
}
