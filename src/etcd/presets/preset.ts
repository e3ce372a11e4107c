/** What runs on a control-plane machine, in the order in which it is stopped: whoever writes goes before what it writes to. */
export const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-vip', 'etcd'] as const;

export type Component = (typeof COMPONENTS)[number];

/** A shell script for a machine, run as root; the shape of the port to machines, without its signal. Values go by `args`, never into the script. */
export interface NodeCommand {
  /** What it does, for progress and errors. */
  readonly title: string;
  readonly script: string;
  readonly args: readonly string[];
  /** In milliseconds; the port's own limit without. */
  readonly timeoutMs?: number;
}

export interface NodeAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A read-only command with what its answer means. `parse` throws `NODE_COMMAND_FAILED` with the machine's words when the command failed. */
export interface NodeProbe<T> extends NodeCommand {
  parse(answer: NodeAnswer): T;
}

/** Where a component's definition is: in its place, so that it is kept running; put aside; both, which somebody else has done; or nowhere. */
export type ParkState = 'in-place' | 'parked' | 'both' | 'absent';

/** What says that a component runs. It is stopped when all of it is empty. */
export interface ComponentState {
  readonly running: boolean;
  /** Process ids of its program. */
  readonly processes: readonly number[];
  /** Ids of its containers, by the container runtime; `undefined` when there is none to ask or it does not answer. */
  readonly containers: readonly string[] | undefined;
  /** Its own ports that are listened on. */
  readonly ports: readonly number[];
}

/** A member as it is to be: its name and the URL its peers reach it by. */
export interface MemberAddress {
  readonly name: string;
  readonly peerUrl: string;
}

/** A certificate authority with a certificate of it and its key: files of the machine. */
export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Why a stopped etcd stays stopped: what keeps it running does not, or in vain. All but `kubelet-stopped` say that there is a unit. `detail` is for people. */
export interface Idle {
  readonly kind: 'kubelet-stopped' | 'unit-stopped' | 'unit-failing' | 'manifest-bad';
  readonly detail: string;
}

/** How clients on the machine reach its etcd. */
export interface EtcdAccess {
  readonly endpoint: string;
  readonly tls: TlsFiles | undefined;
}

/** Certificates that a member shows to clients and to its peers, as far as its settings name them. */
export interface MemberCertificates {
  readonly server?: TlsFiles | undefined;
  readonly peer?: TlsFiles | undefined;
}

/** A text file of a machine. */
export interface NodeFile {
  readonly path: string;
  readonly text: string;
}

/**
 * How a control plane is kept running on a machine: the same verbs for every way. All are idempotent; `runId` names what was put aside, so that a run finds its
 * own and no other's. A verb gives a command or a probe and touches nothing itself.
 */
export interface Preset {
  /** Components that this preset can park and start. */
  readonly components: readonly Component[];
  /** The definitions of all components, in place and put aside by the run. */
  definitions(runId: string): NodeProbe<Definitions>;
  park(component: Component, runId: string): NodeCommand;
  unpark(component: Component, runId: string): NodeCommand;
  parkState(component: Component, runId: string): NodeProbe<ParkState>;
  running(component: Component): NodeProbe<ComponentState>;
  /** For what does not end although it was parked: after the time it has had for that. */
  forceStop(component: Component): NodeCommand;
  /** The file that a component's definition is put aside to; `join` is written there before `unpark`. */
  parkedFile(component: Component, runId: string): string;
  /** The definition of etcd as that of a member that joins: all members named, itself included, state `existing`; every other byte stays. */
  join(definition: NodeFile, members: readonly MemberAddress[]): NodeFile;
  /** A certificate on the machine that its etcd accepts from clients; `undefined` where only the settings say one. */
  readonly etcdClient: Omit<TlsFiles, 'caFile'> | undefined;
  /** Whether what keeps etcd running would start one that is stopped; `undefined` when it would, or when there is no such thing to ask. */
  readonly idle: NodeProbe<Idle | undefined>;
  /** Private keys without which a machine is none of the cluster: the authorities, or those of the certificates where the authorities are kept elsewhere. */
  keys(certificates: MemberCertificates): readonly string[];
  /** How the certificates of its etcd are renewed, for people. */
  readonly renewal: string;
  /** `undefined` where no kubelet belongs to it. */
  readonly restartKubelet: NodeCommand | undefined;
  /** When the kubelet's process began, in seconds since 1970; `undefined` when it does not run. */
  readonly kubeletStarted: NodeProbe<number | undefined> | undefined;
  /** Set where one unit starts all of it: what is started, starts etcd too. And what it is then can be told only when it runs. */
  readonly whole?: WholeUnit;
}

/** A control plane that is started and stopped as one. */
export interface WholeUnit {
  /** Whether a member of that name is one of the machine. */
  readonly isMemberOf: (name: string, node: string) => boolean;
  /** Note of a run on a machine that it has started it, on data that it gave it: what runs there then is no old member. */
  readonly started: string;
  /** Ports beside the API server's by which other machines come in. */
  readonly ports: readonly number[];
}

/** Definitions found on a machine. */
export interface Definitions {
  /** In their place, by component. */
  readonly inPlace: ReadonlyMap<Component, NodeFile>;
  /** Put aside by the run. */
  readonly parked: ReadonlyMap<Component, NodeFile>;
  /** Other files that would keep a component running, such as a copy beside it: parking the usual one does not stop it. */
  readonly strays: readonly { readonly component: Component; readonly path: string }[];
  /** Why an etcd that is defined is not among them: what defines it does not tell how it is set up. */
  readonly unread?: string;
}
