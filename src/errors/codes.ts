/** What kind of failure a code is; decides the exit code (README, "Exit codes"). */
export type ErrorKind =
  | 'bug'
  | 'usage'
  | 'invalid'
  | 'precondition'
  | 'step'
  | 'verification'
  | 'declined'
  | 'locked'
  | 'unavailable'
  | 'waiting'
  | 'degraded'
  | 'differences'
  | 'cancelled';

/** Exit code per kind. 143 replaces 130 when the signal was SIGTERM. */
export const EXIT_CODES: Readonly<Record<ErrorKind, number>> = {
  bug: 1,
  usage: 2,
  invalid: 3,
  precondition: 4,
  step: 5,
  verification: 6,
  declined: 7,
  locked: 8,
  unavailable: 9,
  waiting: 10,
  degraded: 11,
  differences: 12,
  cancelled: 130,
};

interface CodeEntry {
  readonly kind: ErrorKind;
  /** One line for the README's table. */
  readonly meaning: string;
}

/** The one registry of error codes; the README's table is generated from it. One line each, sorted. */
export const ERROR_CODES = {
  BACKUP_BAD: { kind: 'precondition', meaning: 'something speaks against the content of a backup; every reason is listed' },
  BACKUP_EXISTS: { kind: 'precondition', meaning: 'a backup of that name exists already; nothing was asked for' },
  BACKUP_FAILED: { kind: 'step', meaning: 'a backup that was asked for failed or did not end in time' },
  BACKUP_LOCATION_UNAVAILABLE: { kind: 'step', meaning: 'Velero could not validate the backup location, or did not sync it in time' },
  BACKUP_NAME_TWICE: { kind: 'invalid', meaning: 'two stores of the plan hold a backup of one name, which Velero cannot tell apart' },
  BACKUP_NOT_DELETED: { kind: 'step', meaning: 'the remote copy of a backup is not deleted; its object was kept' },
  BACKUP_NOT_USABLE: { kind: 'precondition', meaning: 'no recovery point passes the quick verdict' },
  BACKUP_STORE_NOT_USABLE: { kind: 'precondition', meaning: 'Velero could not restore from a store: foreign folders in it, or credentials that may not write' },
  BACKUP_UNANCHORED: { kind: 'precondition', meaning: 'nothing outside of its bucket vouches for a backup, and nobody has accepted that' },
  BUG: { kind: 'bug', meaning: 'a broken invariant; the stack is in the crash file' },
  CANCELLED: { kind: 'cancelled', meaning: 'stopped by a signal; state is saved' },
  CLUSTER_NAME_NOT_CONFIRMED: { kind: 'declined', meaning: 'the typed cluster name differs' },
  COMMIT_NOT_TRUSTED: { kind: 'precondition', meaning: 'the commit of the specs is not signed by anybody whom the plan allows' },
  CONTROL_PLANE_DEGRADED: { kind: 'degraded', meaning: 'something of a control plane is not well; the verdict says what to do' },
  CONTROL_PLANE_NOT_READY: { kind: 'precondition', meaning: 'a control-plane machine cannot carry a member of etcd as it is set up' },
  COVERAGE_INCOMPLETE: { kind: 'degraded', meaning: 'the configured backups would not bring everything back' },
  DATA_LOSS_NOT_ACCEPTED: { kind: 'precondition', meaning: 'more would be lost than the objective allows, and nobody has accepted that' },
  DISK_NOT_FREE: { kind: 'precondition', meaning: 'an old disk that was to be used is gone, or a machine still has it' },
  DNS_CONFLICT: { kind: 'step', meaning: 'a record changed under us: the prerequisite of the update failed' },
  DNS_NOT_VERIFIED: { kind: 'verification', meaning: 'an authoritative server does not answer with the new value' },
  DNS_UPDATE_FAILED: { kind: 'step', meaning: 'the DNS server refused the update' },
  ETCD_FAILED: { kind: 'step', meaning: 'etcd refused a request; its words are quoted' },
  ETCD_IDENTITY: { kind: 'verification', meaning: 'an etcd is not the one that was restored' },
  ETCD_QUORUM: { kind: 'precondition', meaning: 'etcd has quorum, or would have it again by starting what is there: it must not be restored' },
  ETCD_UNAVAILABLE: { kind: 'unavailable', meaning: 'an etcd member cannot be reached' },
  FENCE_NOT_PROVEN: { kind: 'precondition', meaning: 'the old cluster is not proven unable to act or to write outside' },
  GATE_DECLINED: { kind: 'declined', meaning: 'a person said no at a gate' },
  GATE_WAITING: { kind: 'waiting', meaning: 'a gate needs a person and there is no terminal' },
  GIT_FAILED: { kind: 'precondition', meaning: 'git could not give the pinned commit' },
  GUARD_REFUSED: { kind: 'precondition', meaning: 'the guard of specs is not put on the cluster as asked: it would hurt' },
  GUARD_VIOLATED: { kind: 'verification', meaning: 'a guard saw what must not be and stopped the steps it protects' },
  HEALTH_NOT_PROVEN: { kind: 'verification', meaning: 'a service, endpoint or probe is not healthy' },
  INPUT_INVALID: { kind: 'invalid', meaning: 'an input file or value is wrong; all faults are listed' },
  JOURNAL_BROKEN: { kind: 'precondition', meaning: 'the journal of a run does not verify' },
  KUBE_CONFLICT: { kind: 'step', meaning: 'another field manager owns a field, or an object changed under us' },
  KUBE_NOT_FOUND: { kind: 'step', meaning: 'the object or its type does not exist' },
  KUBE_REFUSED: { kind: 'step', meaning: 'the API server refused the request; its words are quoted' },
  KUBE_UNAUTHORIZED: { kind: 'precondition', meaning: 'the API server does not accept the credentials' },
  KUBE_UNAVAILABLE: { kind: 'unavailable', meaning: 'the API server cannot be reached, or keeps asking to wait' },
  KUBE_UNTRUSTED: { kind: 'precondition', meaning: 'the API server shows a certificate that the kubeconfig does not trust' },
  KUBECONFIG_INVALID: { kind: 'precondition', meaning: 'a kubeconfig is missing, unreadable or has no usable context' },
  LAB_BINARY_BUILD_FAILED: { kind: 'step', meaning: 'a lab server could not be built' },
  LAB_GO_MISSING: { kind: 'precondition', meaning: 'Go is missing or too old to build a lab server' },
  LAB_NODES_UNSUPPORTED: { kind: 'precondition', meaning: 'this system cannot give the lab control-plane machines of its own' },
  LAB_NOT_RUNNING: { kind: 'precondition', meaning: 'the lab is not running, or not in the state the command needs' },
  LAB_SERVER_FAILED: { kind: 'step', meaning: 'a lab server ended or did not become ready; the end of its log is quoted' },
  NODE_COMMAND_FAILED: { kind: 'step', meaning: 'a command on a machine failed or did not end in time; its words are quoted' },
  NODE_DENIED: { kind: 'precondition', meaning: 'a machine does not let the user in, or not become root' },
  NODE_FILE_DIFFERS: { kind: 'verification', meaning: 'a file on a machine is not what was sent, or changed while it was read' },
  NODE_FILE_MISSING: { kind: 'step', meaning: 'a file is not on the machine' },
  NODE_HOST_KEY: { kind: 'precondition', meaning: 'the host key of a machine is unknown or has changed; it is never accepted for a person' },
  NODE_JOB_LOST: { kind: 'step', meaning: 'a machine was switched off, or the process killed, under a command that must not run twice' },
  NODE_UNREACHABLE: { kind: 'unavailable', meaning: 'a machine cannot be reached over SSH, or the connection broke' },
  NODE_UP_NO_AGENT: { kind: 'step', meaning: 'the new machine is up but its agent never reported to the parent' },
  NOTHING_TO_COMPARE: { kind: 'precondition', meaning: 'neither a backup nor the living cluster could be read, so git stands alone' },
  PARENT_HOLDS_CAPI: { kind: 'precondition', meaning: 'the parent still holds CAPI objects of the dead cluster: retiring it could delete machines' },
  PREFLIGHT_FAILED: { kind: 'precondition', meaning: 'a check before the first change says no; all that is wrong is listed' },
  PROCESS_FAILED: { kind: 'step', meaning: 'an external command failed; its output is quoted' },
  PROCESS_NOT_FOUND: { kind: 'precondition', meaning: 'an external command is not installed' },
  PROVISION_FAILED: { kind: 'step', meaning: 'the platform says that provisioning failed' },
  PRUNED_FIELDS: { kind: 'invalid', meaning: 'the specs have fields that the server does not know, and nobody has accepted to lose them' },
  RELEASE_REFUSED: { kind: 'precondition', meaning: 'what a run has put aside may not be put back yet' },
  REPORT_ALTERED: { kind: 'verification', meaning: 'a report page is not what its own record gives' },
  REPAIR_REFUSED: { kind: 'precondition', meaning: 'replacing one member of etcd is not what the control plane needs, or cannot be done yet' },
  REPOSITORY_KEY_FOREIGN: { kind: 'precondition', meaning: 'somebody has given the new cluster another password for its backup repositories' },
  REQUEST_REJECTED: { kind: 'precondition', meaning: 'the process that owns the run did not accept what was asked of it' },
  REQUEST_UNANSWERED: { kind: 'unavailable', meaning: 'the process that owns the run did not say in time what became of a request' },
  ROLLBACK_REFUSED: { kind: 'precondition', meaning: 'a restore of etcd may not be taken back any more' },
  RUN_CHANGED: { kind: 'precondition', meaning: 'plan, runbook or step contracts differ from those the run started with' },
  RUN_LOCKED: { kind: 'locked', meaning: 'another run holds the cluster' },
  RUN_NOT_FOUND: { kind: 'usage', meaning: 'there is no such run in the state store' },
  RUN_NOT_RUNNING: { kind: 'precondition', meaning: 'no living process owns the run, so nobody can be asked to change its course' },
  RUN_PAUSED: { kind: 'waiting', meaning: 'a person paused the run; resume goes on' },
  RUN_REPLACED: { kind: 'locked', meaning: 'another process has taken this run over; this one has stopped' },
  S3_FAILED: { kind: 'step', meaning: 'the object store refused a request' },
  S3_UNAVAILABLE: { kind: 'unavailable', meaning: 'the object store cannot be reached' },
  SECRET_SOURCE_MISSING: { kind: 'precondition', meaning: 'an original secret is in none of the declared sources' },
  SECRET_UNREADABLE: { kind: 'precondition', meaning: 'an encrypted secret file cannot be decrypted with the identity given' },
  SNAPSHOT_NOT_PROVEN: { kind: 'verification', meaning: 'an etcd snapshot is not what it should be; every level that failed is listed' },
  SNAPSHOT_REFUSED: { kind: 'verification', meaning: 'etcd does not take the snapshot; its words are quoted' },
  SPECS_DIFFER: { kind: 'differences', meaning: 'git, the backup and the living cluster do not say the same' },
  STEP_FAILED: { kind: 'step', meaning: 'a step failed; its cause is quoted' },
  STEP_TIMEOUT: { kind: 'step', meaning: 'a step did not finish within its timeout' },
  STEP_UNKNOWN: { kind: 'waiting', meaning: 'the state of an effect cannot be told from the world; a person must say' },
  STORAGE_CLASS_MISSING: { kind: 'precondition', meaning: 'a volume would be made by a storage class that the cluster does not have' },
  STORE_FAILED: { kind: 'step', meaning: 'the run state could not be written; nothing new was started' },
  STORE_UNAVAILABLE: { kind: 'unavailable', meaning: 'the store of run state does not answer' },
  TARGET_CHANGED: { kind: 'precondition', meaning: 'the kubeconfig of the rebuilt cluster leads to another cluster' },
  USAGE: { kind: 'usage', meaning: 'a wrong flag, argument or command' },
  VERIFY_FAILED: { kind: 'verification', meaning: 'a step ran and what it should have made is not there' },
  VOLUME_NOT_RESTORED: { kind: 'verification', meaning: 'a volume is not bound to the restored data' },
  ZONE_MISSING: { kind: 'precondition', meaning: 'a volume would be made in a zone in which the cluster has no node' },
} as const satisfies Readonly<Record<string, CodeEntry>>;

export type ErrorCode = keyof typeof ERROR_CODES;
