import { join } from 'node:path';
import { DrError } from '../../errors/dr-error.ts';
import { readJsonFile, writeJsonFile } from '../json-file.ts';

/** Where etcd comes from: a static pod beside the API server, as kubeadm makes it, a systemd unit, or an emulation of rke2. */
export const NODE_PRESETS = ['kubeadm', 'systemd', 'rke2'] as const;
export type NodePreset = (typeof NODE_PRESETS)[number];

/** Minor versions of etcd that machines can run. */
export type EtcdMinor = '3.5' | '3.6' | '3.7';
/** What kubeadm 1.36 brings. */
export const DEFAULT_ETCD: EtcdMinor = '3.6';

/** The machines of one control plane, in `<lab>/nodes/set.json`. What runs is asked of the kernel. */
export interface NodeSet {
  readonly formatVersion: 1;
  /** Directory of the lab. */
  readonly directory: string;
  readonly cluster: string;
  readonly preset: NodePreset;
  /** Of the bridge `ldr<index>` and the network `10.77.<index>.0/24`, claimed on this machine. */
  readonly network: number;
  readonly nodes: readonly LabNode[];
  readonly ssh: NodeSsh;
  /** Files of the authorities, service-account keys and the encryption key, kept outside of the machines: what an operator has in a safe. */
  readonly pki: string;
  /** Administrator, at the first API server. */
  readonly kubeconfig: string;
  /** Folders of this system with the programs that run in the machines. */
  readonly programs: readonly string[];
  /**
   * Size of a disk that each machine has for etcd's data alone; without it the data is on the machine's own, which is as large as this system's. etcd
   * sets 64 MB aside for each file of its log at once and has two of them open (F67; etcd 3.6 `server/storage/wal/wal.go`, `SegmentSizeBytes`), so less than 192 does not do.
   */
  readonly dataDiskMiB?: number;
  readonly etcd: EtcdMinor;
  /** Values are encrypted in etcd. */
  readonly encryption: boolean;
  /** ISO 8601; absent while the cluster is being formed, and for good when whoever formed it was killed. */
  readonly formedAt?: string;
  /** How every machine's kubelet stand-in behaves. */
  readonly kubelet: KubeletBehaviour;
}

/** One machine. */
export interface LabNode {
  /** Host name, name of the Node object and of the etcd member. */
  readonly name: string;
  readonly address: string;
  /** `<lab>/nodes/<name>`. */
  readonly directory: string;
  /** The bridge's end of its cable. */
  readonly cable: string;
  /** Id of its process among the lab's servers. */
  readonly server: string;
  /** Administrator, at this machine's own API server. */
  readonly kubeconfig: string;
  /** Set where etcd and API servers are on different machines: which of the two this one has. Without it both. */
  readonly only?: 'etcd' | 'api';
}

/** Machines with a member of etcd. */
export function etcdNodes({ nodes }: NodeSet): readonly LabNode[] {
  return nodes.filter(({ only }) => only !== 'api');
}

/** Machines with an API server. */
export function apiNodes({ nodes }: NodeSet): readonly LabNode[] {
  return nodes.filter(({ only }) => only !== 'etcd');
}

/** For plain `ssh -F <configFile> <name>`, also from anywhere else on this machine. */
export interface NodeSsh {
  readonly configFile: string;
  readonly knownHostsFile: string;
  readonly identityFile: string;
  readonly user: 'root';
}

export interface KubeletBehaviour {
  /** How often the manifest directory is read (F62). */
  readonly fileCheckMs: number;
  /** From seeing that a manifest has left to telling the process. */
  readonly slowStopMs: number;
  /** How often it tells the API server that it lives (F64). */
  readonly heartbeatMs: number;
  /** The longest wait before a container that keeps ending is started again. */
  readonly maxRestartMs: number;
}

/** What is documented of a kubelet, which is slow. */
export const DEFAULT_KUBELET: KubeletBehaviour = { fileCheckMs: 20_000, slowStopMs: 0, heartbeatMs: 10_000, maxRestartMs: 300_000 };

/** Folder of the machines of a lab. */
export function nodesFolder(labDirectory: string): string {
  return join(labDirectory, 'nodes');
}

/** The machines of a lab; `undefined` when it has none. */
export async function findNodeSet(labDirectory: string): Promise<NodeSet | undefined> {
  return await readJsonFile<NodeSet>(join(nodesFolder(labDirectory), 'set.json'));
}

/** The machines of a lab. Throws `LAB_NOT_RUNNING` when it has none. */
export async function getNodeSet(labDirectory: string): Promise<NodeSet> {
  const set = await findNodeSet(labDirectory);
  if (set !== undefined) return set;
  throw new DrError({
    code: 'LAB_NOT_RUNNING',
    message: `the lab in ${labDirectory} has no control-plane machines`,
    suggestions: ['make some: lattice-dr lab up --nodes 3'],
  });
}

/** A machine by name. Throws `LAB_NOT_RUNNING` naming those there are. */
export function nodeOf(set: NodeSet, name: string): LabNode {
  const found = set.nodes.find((node) => node.name === name);
  if (found !== undefined) return found;
  const names = set.nodes.map((node) => node.name).join(', ');
  throw new DrError({ code: 'LAB_NOT_RUNNING', message: `there is no machine ${name}; there are ${names}` });
}

export async function saveNodeSet(set: NodeSet): Promise<void> {
  await writeJsonFile(join(nodesFolder(set.directory), 'set.json'), set);
}
