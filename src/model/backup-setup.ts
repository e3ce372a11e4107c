/** How a cluster's backups are set up, from its specs and, where it answers, from the cluster: what `specs/backups` reads and `backup/coverage` judges. */
export interface BackupSetup {
  readonly stores: readonly StoreSetup[];
  readonly schedules: readonly ScheduleSetup[];
  readonly volumes: readonly VolumeSetup[];
  /** Objects of the platform, by resource and namespace: what is lost when no schedule takes them and git has them not. */
  readonly objects: readonly CountedObjects[];
  readonly around: BackupSurroundings;
}

/** An object of the setup and where it is written. */
export interface Written {
  /** By `refKey`. */
  readonly object: string;
  /** `file:line`; absent for what only the cluster has. */
  readonly at?: string;
}

/** What the platform says of an object in its status. */
export interface PlatformStatus {
  readonly phase: string;
  readonly message: string;
  /** It is of the spec as it is now. */
  readonly isCurrent: boolean;
}

/** A BackupStore. */
export interface StoreSetup extends Written {
  readonly namespace: string;
  readonly name: string;
  readonly isDefault: boolean;
  /** `s3`, `s3Compatible`, `gcs` or `azure`. */
  readonly provider: string;
  /** Bucket, or container on Azure. */
  readonly bucket?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly forcePathStyle?: boolean;
  readonly storageAccount?: string;
  readonly cloudProviderRef?: string;
  /** Which of the two other credential fields is set, and the Secret that it names. */
  readonly credentials?: { readonly field: 'credentials' | 'credentialsSecretRef'; readonly name: string };
  /** The BackupStorageLocation that the platform made of it, as the cluster has it. */
  readonly location?: { readonly name: string; readonly phase: string; readonly message: string; readonly accessMode: string };
  /** Absent for what only git has, and until the platform has looked at it. */
  readonly status?: PlatformStatus;
}

/** What a Velero Backup takes: its template, as far as coverage depends on it. Absent lists mean everything. */
export interface BackupTemplate {
  readonly includedNamespaces?: readonly string[];
  readonly excludedNamespaces?: readonly string[];
  /** Resources as `plural.group`, or `plural` of the core group. */
  readonly includedResources?: readonly string[];
  readonly excludedResources?: readonly string[];
  readonly includeClusterResources?: boolean;
  /** Only what carries labels: for a service's schedule, the service it is of (`namespace/name`), for any other selector empty text. */
  readonly selects?: string;
  readonly snapshotVolumes?: boolean;
  readonly defaultVolumesToFsBackup?: boolean;
}

/** Something that makes a Velero Schedule: a LatticeClusterBackup, `spec.backup` of a LatticeService, or a Schedule written as such. */
export interface ScheduleSetup extends Written {
  readonly kind: 'cluster' | 'service' | 'velero';
  readonly namespace: string;
  readonly name: string;
  /** Name of the Velero Schedule. */
  readonly velero: string;
  readonly cron: string;
  /** Longest gap between two runs in milliseconds, where it can be told. */
  readonly periodMs?: number;
  /** Name of a BackupStore in the namespace of what names it. */
  readonly storeRef?: string;
  /** Name of a BackupStorageLocation, for a Schedule written as such. */
  readonly location?: string;
  readonly isPaused: boolean;
  readonly ttl?: string;
  readonly template: BackupTemplate;
  /** Flags of a LatticeClusterBackup's scope that narrow it to a list of kinds. */
  readonly scope: { readonly controlPlane: boolean; readonly gpuPaasResources: boolean };
  /** Fields that are set and that nothing reads. */
  readonly ignored: readonly string[];
  /** What the cluster says of the Velero Schedule: `absent`, or its phase and its complaints. */
  readonly observed?: { readonly phase: string; readonly message: string; readonly isPaused: boolean };
  /** Of a LatticeClusterBackup; absent for what only git has, and until the platform has looked at it. */
  readonly status?: PlatformStatus;
  /** Name of the BackupStore that the platform says it goes to. */
  readonly resolvedStore?: string;
}

/** A volume that a workload owns. */
export interface VolumeSetup extends Written {
  /** `namespace/name` of its claim. */
  readonly claim: string;
  readonly namespace: string;
  /** `namespace/name` of the service it belongs to, when it is one of the platform's. */
  readonly service?: string;
  /** Pods that are meant to run and so mount it; absent when it cannot be told. */
  readonly replicas?: number;
  /** The pod carries the annotation by which Velero copies this volume's files. */
  readonly isOptedIn: boolean;
}

/** Objects of one resource in one namespace. */
export interface CountedObjects {
  /** `plural.group`, or `plural` of the core group. */
  readonly resource: string;
  readonly kind: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly count: number;
}

/** What backups depend on besides. */
export interface BackupSurroundings {
  /** Read from the cluster too, not from its specs alone. */
  readonly isLive: boolean;
  /** The LatticeCluster has Velero installed (`spec.backups.enabled`). */
  readonly veleroEnabled: boolean;
  /** Names of Velero's object store plugins beside the one for AWS: `gcp`, `azure`. */
  readonly plugins: readonly string[];
  /** VolumeSnapshotLocations that exist. */
  readonly snapshotLocations: readonly string[];
  /** The Velero server copies the files of every volume unless told otherwise (`--default-volumes-to-fs-backup`). */
  readonly fsBackupByDefault: boolean;
  /** Secrets that are known to come from somewhere, as `namespace/name`. */
  readonly secrets: readonly string[];
  /** Groups of originals that the plan has sources of. */
  readonly secretSources: number;
  /** Disks outlive the cluster: those of a cloud do, those in its machines do not. */
  readonly disksOutlive: boolean;
  /** Host names that this cluster itself serves. */
  readonly ownHosts: readonly string[];
  /** Stores of other clusters in the same repository. */
  readonly otherStores: readonly StoreSetup[];
  /** Longest age of a recovery point that the plan allows, in milliseconds. */
  readonly rpoMs?: number;
}
