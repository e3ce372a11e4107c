/** Keys of one backup in a Velero bucket (Velero 1.18 pkg/persistence/object_store_layout.go). `prefix` is the location's, without slashes at its ends. */
export interface VeleroBackupKeys {
  readonly directory: string;
  readonly metadata: string;
  readonly tarball: string;
  readonly resourceList: string;
  readonly volumeInfo: string;
  readonly volumeSnapshots: string;
  readonly itemOperations: string;
  readonly podVolumeBackups: string;
  readonly results: string;
}

function withPrefix(prefix: string | undefined, rest: string): string {
  return prefix === undefined || prefix === '' ? rest : `${prefix}/${rest}`;
}

/** Folder under which every backup has a folder of its own. */
export function backupsPrefix(prefix: string | undefined): string {
  return withPrefix(prefix, 'backups/');
}

/** Keys of the backup's files. */
export function backupKeys(prefix: string | undefined, backup: string): VeleroBackupKeys {
  const directory = `${backupsPrefix(prefix)}${backup}/`;
  return {
    directory,
    metadata: `${directory}velero-backup.json`,
    tarball: `${directory}${backup}.tar.gz`,
    resourceList: `${directory}${backup}-resource-list.json.gz`,
    volumeInfo: `${directory}${backup}-volumeinfo.json.gz`,
    volumeSnapshots: `${directory}${backup}-volumesnapshots.json.gz`,
    itemOperations: `${directory}${backup}-itemoperations.json.gz`,
    podVolumeBackups: `${directory}${backup}-podvolumebackups.json.gz`,
    results: `${directory}${backup}-results.gz`,
  };
}

/** Folder under which the volumes of each namespace have a Kopia repository of their own, in a folder of its name (Velero 1.18 pkg/repository/config). */
export function repositoriesPrefix(prefix: string | undefined): string {
  return withPrefix(prefix, 'kopia/');
}

/** Key of what a restore had to say: warnings and errors. */
export function restoreResultsKey(prefix: string | undefined, restore: string): string {
  return withPrefix(prefix, `restores/${restore}/restore-${restore}-results.gz`);
}

/** Name of the Velero Schedule the platform makes for a LatticeClusterBackup; its backups are `<schedule>-<YYYYMMDDhhmmss>` (lattice-backup/src/cluster_backup_controller.rs). */
export function scheduleName(clusterBackup: string): string {
  return `lattice-${clusterBackup}`;
}

/** Name of the BackupStorageLocation the platform makes for a BackupStore, and the prefix it sets in the bucket (backup_store_controller.rs). */
export function locationName(store: string): string {
  return `lattice-${store}`;
}
