import type { Secret } from '../model/secret.ts';

/** How to reach an etcd member: `https://host:2379` with a certificate authority and a client certificate, in files or at hand. */
export interface EtcdRef {
  readonly endpoint: string;
  /** Instead of files. */
  readonly pem?: EtcdPem | undefined;
  /** How errors call it, where the endpoint says little: a tunnel to it. */
  readonly name?: string | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface EtcdPem {
  readonly ca: string;
  readonly cert: string;
  readonly key: Secret;
  /** Name or address that its certificate must have, where the endpoint has another: that of a tunnel. */
  readonly serverName: string;
}

export interface Etcds {
  /** Connects to nothing yet. Throws `INPUT_INVALID` for files that cannot be read. Dispose what it gives. */
  open(ref: EtcdRef): Promise<Etcd>;
}

/** What `details.reason` of an `ETCD_FAILED` says, of refusals that somebody acts upon. */
export type EtcdRefusal = 'learner-behind' | 'not-a-learner' | 'too-many-learners' | 'unhealthy-cluster' | 'peer-url-exists' | 'member-not-found';

/** One member. Ids and revisions are decimal strings: they have 64 bits. Errors: `ETCD_UNAVAILABLE`, `ETCD_FAILED` with the server's words. */
export interface Etcd extends AsyncDisposable {
  /** Answered by the member alone, also without quorum. */
  status(signal: AbortSignal): Promise<EtcdStatus>;
  /** Every member has the same at the same revision and compact revision, whatever else is in its file. */
  hashKv(revision: string, signal: AbortSignal): Promise<EtcdHash>;
  members(signal: AbortSignal): Promise<readonly EtcdMember[]>;
  /** Alarms that stop the member, such as `NOSPACE`. */
  alarms(signal: AbortSignal): Promise<readonly string[]>;
  /** Key-value pairs of a prefix in order of keys, a page at a time. */
  range(prefix: string, signal: AbortSignal): AsyncIterable<EtcdKeyValue>;
  /** How many keys a prefix has; none of them is sent. */
  count(prefix: string, signal: AbortSignal): Promise<number>;
  /** The database as the member has it, then the SHA-256 of it: what `etcdctl snapshot save` writes. */
  snapshot(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** One pair, `undefined` when there is none. */
  get(key: string, signal: AbortSignal): Promise<EtcdRevised | undefined>;
  /** Writes a key if it is still at that revision (`0`: if there is none). `false`: it has changed, and nothing was written. */
  put(pair: EtcdPut, signal: AbortSignal): Promise<boolean>;
  /** Deletes every key of the prefix; gives how many. */
  deletePrefix(prefix: string, signal: AbortSignal): Promise<number>;
  /** Leases with the keys that end with them. */
  leases(signal: AbortSignal): Promise<readonly EtcdLease[]>;
  /** Ends a lease and its keys. */
  revokeLease(id: string, signal: AbortSignal): Promise<void>;
  /** Takes every alarm back; gives what there was. */
  disarmAlarms(signal: AbortSignal): Promise<readonly string[]>;
  /** Forgets what was before the revision, and waits until it is gone from the database. */
  compact(revision: string, signal: AbortSignal): Promise<void>;
  /** Gives freed pages back; the member answers nothing else meanwhile. */
  defragment(signal: AbortSignal): Promise<void>;
  /** Adds a member that does not vote; gives its id. */
  addLearner(peerUrl: string, signal: AbortSignal): Promise<string>;
  /** Makes a learner vote. Refused until it has caught up, and for one that votes already. */
  promote(memberId: string, signal: AbortSignal): Promise<void>;
  removeMember(memberId: string, signal: AbortSignal): Promise<void>;
  /** Hands the lead to another member. Only the leader takes it. */
  moveLeader(memberId: string, signal: AbortSignal): Promise<void>;
}

export interface EtcdRevised {
  readonly value: Uint8Array;
  readonly modRevision: string;
}

export interface EtcdPut {
  readonly key: string;
  readonly value: Uint8Array;
  readonly ifRevision: string;
}

export interface EtcdLease {
  readonly id: string;
  readonly keys: readonly string[];
}

export interface EtcdStatus {
  readonly clusterId: string;
  readonly memberId: string;
  readonly revision: string;
  /** `0` when the member knows of none. */
  readonly leader: string;
  readonly version: string;
  readonly isLearner: boolean;
  /** Index of the last entry of its log that was applied. */
  readonly raftIndex: string;
  readonly dbSizeBytes: number;
  /** What keeps it from serving, in its own words: `etcdserver: no leader`, and every alarm there is. */
  readonly errors: readonly string[];
}

export interface EtcdHash {
  readonly hash: number;
  readonly revision: string;
  readonly compactRevision: string;
}

export interface EtcdMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface EtcdKeyValue {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface ScratchEtcds {
  /**
   * Restores a snapshot beside nothing of anybody's and starts etcd on it, reachable by this user alone: it listens on sockets in a private folder, on no
   * port. Throws `SNAPSHOT_REFUSED` in the words of etcdutl or etcd, `PROCESS_NOT_FOUND` when one of the two is not there. Dispose it to end and delete it.
   */
  boot(options: ScratchOptions): Promise<ScratchEtcd>;
}

export interface ScratchOptions {
  readonly snapshot: string;
  /** Folder of `etcd` and `etcdutl`; the machine's PATH without it. */
  readonly binaries?: string | undefined;
  /** Adds so much to the revision and compacts there, so that whoever watched a later state than the snapshot's is told to list again. */
  readonly bumpRevision?: number | undefined;
  /** The hash that the snapshot ends with is known to be that of its bytes; etcdutl reads them all again otherwise. */
  readonly isHashKnown?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** An etcd that was restored from a snapshot, alone. */
export interface ScratchEtcd extends AsyncDisposable {
  readonly etcd: Etcd;
  /** What it was told to be: from these its ids can be predicted. */
  readonly peerUrl: string;
  readonly token: string;
  readonly name: string;
  /** What `etcdutl snapshot status` says. */
  readonly database: { readonly revision: string; readonly keys: number; readonly sizeBytes: number };
}
