/** All that a diagnosis rests on: what was seen, and what a person said. Ids and revisions are decimal text: they have 64 bits. Nothing in it is secret. */
export interface ControlPlaneFacts {
  readonly nodes: readonly NodeFacts[];
  /** Members as one with a leader lists them, else as any that answers does; absent when none answers. */
  readonly members?: readonly ListedMember[];
  readonly api: ApiFacts;
  /** The newest one that is known; absent when there is none. */
  readonly snapshot?: KnownSnapshot;
  readonly keys: KnownKeys;
  readonly said: PersonSays;
  /** In milliseconds. */
  readonly objectives: { readonly rtoMs: number; readonly rpoMs: number };
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface NodeFacts {
  readonly name: string;
  /**
   * `up`: its commands run. `silent`: it does not answer, and nobody knows why. `gone`: a person says that it and its disk will not come back; silence alone
   * never is.
   */
  readonly reach: 'up' | 'silent' | 'gone';
  /** Data of etcd on its disk. */
  readonly data: 'intact' | 'unreadable' | 'absent' | 'unknown';
  readonly etcd: 'running' | 'stopped' | 'unknown';
  /** Keys on its disk that make it one of the cluster's machines: the authorities, or, of a member on a machine of its own, those of its certificates. */
  readonly pki: 'present' | 'absent' | 'unknown';
  /** What was found there that keeps it from its work, or soon will. */
  readonly troubles: readonly NodeTrouble[];
  /** What its member says, if it answers. */
  readonly member?: MemberAnswer;
}

/** `detail` is for people: a file, a date, a size. */
export interface NodeTrouble {
  readonly kind: TroubleKind;
  readonly detail: string;
  /** What helps, where that is not the same on every machine. */
  readonly cure?: string;
}

export type TroubleKind =
  | 'certificate-expired'
  | 'certificate-ending'
  | 'disk-full'
  | 'manifest-missing'
  | 'manifest-bad'
  | 'process-held'
  | 'kubelet-stopped'
  | 'unit-stopped'
  | 'unit-failing'
  | 'clock-skew'
  | 'port-closed';

/** What a member answers by itself, quorum or not (`endpoint status`, `alarm list`, `endpoint hashkv`). */
export interface MemberAnswer {
  readonly memberId: string;
  readonly clusterId: string;
  readonly revision: string;
  /** Index of the last entry of its log, 0 when it does not say. */
  readonly raftIndex: string;
  /** `0` when it knows of none: it is then in no quorum. */
  readonly leader: string;
  readonly isLearner: boolean;
  readonly alarms: readonly string[];
  readonly hashKv?: { readonly hash: number; readonly revision: string; readonly compactRevision: string };
  readonly dbSizeBytes: number;
}

export interface ListedMember {
  readonly id: string;
  /** Empty until it was started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface ApiFacts {
  /** `unknown`: nobody was asked. */
  readonly state: 'ok' | 'failing' | 'silent' | 'unknown';
  /** Checks of `/readyz` that fail, or why nobody answers. */
  readonly failing: readonly string[];
}

export interface KnownSnapshot {
  readonly name: string;
  /** ISO 8601. */
  readonly takenAt: string;
  /** Absent without a manifest. */
  readonly revision?: string;
  /** `unverified`: it lies there and nobody has booted it now. */
  readonly verdict: 'proven' | 'unanchored' | 'unverified' | 'bad';
  readonly reason?: string;
}

/** Where keys are when the cluster is gone. */
export interface KnownKeys {
  readonly pki: 'outside' | 'in the snapshot' | 'nowhere';
  readonly encryption: 'not needed' | 'outside' | 'nowhere';
}

/** What no machine can tell. */
export interface PersonSays {
  /** Names, tokens or addresses outside depend on this very cluster. */
  readonly isIdentityNeeded: boolean;
  /** Git does not hold everything that ran. */
  readonly isGitIncomplete: boolean;
  /** What the cluster and its snapshots say is wrong itself: an attack, a bad release. */
  readonly isStateBad: boolean;
  /** Objects were deleted by mistake. */
  readonly areObjectsDeleted: boolean;
  /** Machines, or members of machines that the plan does not name, which are lost with their disks. */
  readonly gone: readonly string[];
}
