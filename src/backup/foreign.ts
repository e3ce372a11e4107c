import type { BackupFacts } from './quick-verdict.ts';

/** Folders at the top of a location; with any other in it Velero calls the location Unavailable and restores nothing (Velero 1.18 pkg/persistence/object_store_layout.go). */
const FOLDERS: ReadonlySet<string> = new Set(['backups', 'restores', 'restic', 'metadata', 'plugins', 'kopia']);

/** Names of the folders that Velero would not accept at the top of its location. `prefixes` are full, as S3 lists them below `root`. Files there do not matter to it. */
export function foreignFolders(prefixes: readonly string[], root: string): readonly string[] {
  return prefixes.map((prefix) => prefix.slice(root.length).replace(/\/$/, '')).filter((folder) => !FOLDERS.has(folder));
}

/**
 * Why a backup is of another cluster: it holds LatticeClusters and not the one that is restored. A backup of the platform's own objects holds its cluster's
 * (lattice-backup/src/velero.rs); one without any says nothing.
 */
export function foreignTo(facts: Pick<BackupFacts, 'resourceList'>, cluster: string): string | undefined {
  const clusters = Object.entries(facts.resourceList ?? {}).flatMap(([type, names]) =>
    /^lattice\.dev\/[^/]+\/LatticeCluster$/.test(type) ? (names ?? []) : [],
  );
  if (clusters.length === 0 || clusters.includes(cluster)) return undefined;
  return `it is of another cluster: it holds LatticeCluster ${clusters.join(', ')} and not ${cluster}`;
}
